"""What is appended: new ids, with the schema ids of the other registry, to the same partitions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from minuet.contracts.codec import Codec
from minuet.contracts.registry import LocalRegistry
from minuet.contracts.schema import Schema
from minuet.errors import UsageError
from minuet.event.model import Event
from minuet.event.record import ID, SCHEMA
from minuet.kafka.kept import HeaderList, Kept
from minuet.replay.into_log import Known, Prefixes, check_partitions


class ParcelSent(Event):
    kilos: int


class Numbering(LocalRegistry):
    """A registry that gives numbers in order, as Confluent's does."""

    def register(self, schema: Schema) -> int:
        super().register(schema)
        return 100 + list(self._schemas).index(schema.fingerprint)


class Recorded:
    """A source that knows schemas."""

    name, most, identity, partitions = "recorded", 0, "1", 6

    def __init__(self, registry: LocalRegistry) -> None:
        self.find = registry.find

    def records(self, first: Mapping[int, int] | None = None) -> Iterator[Kept]:
        yield from ()


def record(id: bytes, key: bytes = b"k", **more: bytes) -> Kept:
    headers: HeaderList = [(ID, id), *((name, value) for name, value in more.items())]
    return Kept(0, 7, 1, key, b"v", headers)


def test_an_event_is_known_by_its_id_within_its_saga() -> None:
    known = Known()
    assert known.is_new(record(b"1"))
    assert not known.is_new(record(b"1"))
    assert known.is_new(record(b"1", b"other"))
    more = known.copy()
    assert more.is_new(record(b"2"))
    assert known.is_new(record(b"2"))


def test_the_first_place_of_an_id_that_is_watched_is_kept() -> None:
    known = Known(watched={b"1"})
    for each in (record(b"1"), record(b"1")._replace(offset=9), record(b"2")):
        known.saw(each)
    assert known.places == {(b"k", b"1"): 7}


def test_a_value_gets_the_other_registrys_schema_id_and_can_be_decoded_there() -> None:
    ours, theirs = LocalRegistry(), Numbering()
    value, schema, _ = Codec([ParcelSent], ours).encode(ParcelSent(kilos=7))
    prefixes = Prefixes(Recorded(ours), theirs)
    given = Kept(0, 1, 1, b"k", value, [(SCHEMA, schema)])
    found = prefixes.value(given)
    assert found == b"\x00" + (100).to_bytes(4, "big") + value[5:] != value
    event = Codec([ParcelSent], theirs).decode("ParcelSent", schema, found or b"")
    assert event == ParcelSent(kilos=7)


@pytest.mark.parametrize("value", [None, b"", b"\x00", b"plain text"])
def test_a_value_that_names_no_schema_stays_as_it_is(value: bytes | None) -> None:
    prefixes = Prefixes(Recorded(LocalRegistry()), Numbering())
    assert prefixes.value(Kept(0, 1, 1, b"k", value, [(SCHEMA, b"other")])) == value
    assert prefixes.unknown == set()


def test_a_schema_that_nobody_knows_is_told() -> None:
    prefixes = Prefixes(Recorded(LocalRegistry()), Numbering())
    value = b"\x00\x00\x00\x00\x07body"
    schema = b"urn:minuet:avro:0123456789abcdef"
    assert prefixes.value(Kept(0, 1, 1, b"k", value, [(SCHEMA, schema)])) == value
    assert prefixes.unknown == {"0123456789abcdef"}


def test_another_number_of_partitions_is_refused() -> None:
    source = Recorded(LocalRegistry())
    check_partitions(source, 6, "orders.events")
    with pytest.raises(UsageError, match=r"recorded has 6 partitions, and orders\.events has 12"):
        check_partitions(source, 12, "orders.events")
