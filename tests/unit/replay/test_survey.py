"""What is chosen, and what is counted of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from minuet.cli.replayed import untold_lines
from minuet.contracts.codec import Codec
from minuet.contracts.registry import LocalRegistry
from minuet.contracts.schema import Schema
from minuet.event.model import Event
from minuet.event.record import SCHEMA, TYPE
from minuet.kafka.kept import Kept
from minuet.replay.outlook import choose
from minuet.replay.selection import Selection
from minuet.replay.stopping import Stopping
from minuet.replay.survey import Distinct, Survey
from minuet.where import Wheres


class ParcelSent(Event):
    kilos: int


class ParcelArrived(Event):
    place: str


MODELS: dict[str, type[Event]] = {"ParcelSent": ParcelSent, "ParcelArrived": ParcelArrived}
CODEC = Codec(MODELS.values(), LocalRegistry())


def record(key: bytes, event: Event, time: int = 1) -> Kept:
    value, schema, _ = CODEC.encode(event)
    name = type(event).__name__.encode()
    return Kept(0, 0, time, key, value, [(TYPE, name), (SCHEMA, schema)])


LIGHT, HEAVY = record(b"a", ParcelSent(kilos=1)), record(b"b", ParcelSent(kilos=20), 3)
ARRIVED = record(b"b", ParcelArrived(place="here"), 9)


def where(text: str) -> Selection:
    return Selection(where=Wheres(text, MODELS), decode=CODEC.decode)


@pytest.mark.parametrize(
    ("selection", "taken"),
    [
        (Selection(), [LIGHT, HEAVY, ARRIVED]),
        (Selection(sagas=frozenset([b"b"])), [HEAVY, ARRIVED]),
        (Selection(types=frozenset([b"ParcelSent"])), [LIGHT, HEAVY]),
        (Selection(frozenset([b"b"]), frozenset([b"ParcelSent"])), [HEAVY]),
        (where("kilos > 10"), [HEAVY]),
        (where("place == 'here'"), [ARRIVED]),
    ],
)
def test_what_is_asked_for_is_taken(selection: Selection, taken: list[Kept]) -> None:
    assert [each for each in (LIGHT, HEAVY, ARRIVED) if selection.takes(each)] == taken


def test_a_record_of_which_a_condition_cannot_be_told_is_counted_and_not_taken() -> None:
    selection = where("10 / kilos > 1")
    broken = LIGHT._replace(value=b"\x00")
    nothing = record(b"c", ParcelSent(kilos=0))
    assert [each for each in (broken, nothing, LIGHT) if selection.takes(each)] == [LIGHT]
    assert selection.untold == 2


class Told:
    """A source of these records."""

    name, most, identity, partitions = "told", 0, "1", 6

    def __init__(self, *records: Kept) -> None:
        self._records = records

    def records(self, first: Mapping[int, int] | None = None) -> Iterator[Kept]:
        yield from self._records

    def find(self, fingerprint: str) -> Schema | None:
        return None


def test_what_may_have_chosen_a_saga_is_counted_and_told() -> None:
    broken = HEAVY._replace(value=b"\x00")
    selection = where("10 / kilos > 1")
    _, choice = choose(Told(broken, LIGHT), selection, 0, Stopping(), lambda _done, _of: None)
    assert (choice.names(), choice.untold) == (["a"], 1)
    (line,) = untold_lines({"untold": choice.untold})
    assert line == "  1 more of which --where cannot be told: they are left out"
    assert list(untold_lines({"untold": 0})) == []


def test_the_last_header_of_a_name_counts() -> None:
    twice = LIGHT._replace(headers=[(TYPE, b"Other"), *LIGHT.headers])
    assert Selection(types=frozenset([b"ParcelSent"])).takes(twice)
    assert not Selection(types=frozenset([b"Other"])).takes(twice)


def test_a_survey_counts_records_sagas_types_and_time() -> None:
    found = Survey(frozenset([b"b", b"z"]))
    for each in (LIGHT, HEAVY, ARRIVED, Kept(0, 3, 2, None, None, [])):
        found.add(each)
    assert found.as_dict() == {
        "records": 4, "sagas": 3, "sagas_exact": True,
        "first": "1970-01-01T00:00:00.001Z", "last": "1970-01-01T00:00:00.009Z",
        "types": {"ParcelSent": 2, "ParcelArrived": 1, "": 1},
    }  # fmt: skip
    assert found.sagas_seen == {b"b"}
    assert len(found.schemas) == 2


def test_a_great_many_are_counted_to_two_in_a_hundred() -> None:
    found = Distinct()
    for number in range(400_000):
        found.add(b"order-%d" % (number // 2))
    assert not found.exact
    assert 196_000 < len(found) < 204_000
    assert len(found._found) <= 100_001
