"""What holds of every event, and of models of any shape: what is written is read again."""

from __future__ import annotations

import json
from datetime import UTC, time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minuet.contracts import budget
from minuet.contracts.budget import OBJECTS_MOST, refuse_excess
from minuet.contracts.codec import Codec
from minuet.contracts.registry import LocalRegistry
from minuet.contracts.schema import avro_schema, fingerprint_of
from minuet.errors import ContractError
from minuet.event.model import Event
from minuet.evolution.models import write_models
from tests.properties.strategies import events, events_of_any_shape
from tests.unit.contracts import apache
from tests.unit.contracts.models import Everything, Sku
from tests.unit.contracts.test_budget import many, record
from tests.unit.contracts.test_codec import Line2
from tests.unit.contracts.test_resolution import Stored

CODEC = Codec([Everything], LocalRegistry())


@given(events)
@settings(deadline=None, max_examples=50)
def test_an_event_comes_back_equal(event: Everything) -> None:
    value, schema, _ = CODEC.encode(event)
    assert CODEC.decode("Everything", schema, value) == event


@given(events)
@settings(deadline=None, max_examples=30)
def test_apache_avro_reads_the_same_event(event: Everything) -> None:
    body = CODEC.encode(event).value[5:]
    assert apache.read(body, avro_schema(Everything).text) == apache.plain(event)


@given(events_of_any_shape())
@settings(deadline=None, max_examples=25)
def test_an_event_of_any_shape_comes_back_equal_and_apache_avro_agrees(event: Event) -> None:
    codec = Codec([type(event)], LocalRegistry())
    value, schema, _ = codec.encode(event)
    assert codec.decode("Drawn", schema, value) == event
    assert apache.read(value[5:], avro_schema(type(event)).text) == apache.plain(event)


@given(events_of_any_shape())
@settings(deadline=None, max_examples=25)
def test_what_apache_avro_writes_is_read_as_the_same_event(event: Event) -> None:
    codec = Codec([type(event)], LocalRegistry())
    body = apache.write(apache.plain(event), avro_schema(type(event)).text)
    assert codec.decode("Drawn", codec.encode(event).schema, b"\x00" * 5 + body) == event


@given(events)
@settings(deadline=None, max_examples=1)
def test_a_field_that_the_wire_cannot_keep_is_refused(event: Everything) -> None:
    changes: list[tuple[dict[str, Any], str]] = [
        ({"flag": 1}, "flag: true or false"),
        ({"ratio": "1.5"}, "ratio: a float is needed, not str"),
        ({"clock": time(1, tzinfo=UTC)}, "clock: a time of day with a time zone"),
        ({"either": 1.5}, "either: float is none of the types"),
        (
            {"line": Line2(sku=Sku("a"), pieces=1, price=Decimal(1), more="")},
            "line: Line is needed, not Line2",
        ),
        (
            {"maybe_line": event.line.model_copy(update={"price": Decimal("0.001")})},
            "maybe_line: price: not a decimal",
        ),
    ]
    for change, why in changes:
        with pytest.raises(ContractError, match=why):
            CODEC.encode(event.model_copy(update=change))


@given(events_of_any_shape())
@settings(deadline=None, max_examples=25)
def test_the_same_schema_with_a_comment_resolves_to_the_same_event(event: Event) -> None:
    body = Codec([type(event)], LocalRegistry()).encode(event).value[5:]
    text = json.dumps({"doc": "a comment", **json.loads(avro_schema(type(event)).text)})
    fingerprint = fingerprint_of(text)
    registry = Stored(text)
    codec = Codec([type(event)], registry)
    header = b"urn:minuet:avro:" + fingerprint.encode()
    assert codec.decode("Drawn", header, b"\x00" * 5 + body) == event


@given(events_of_any_shape())
@settings(deadline=None, max_examples=15)
def test_the_walk_ends_where_the_event_ends_and_counts_no_more_than_the_bound(event: Event) -> None:
    codec = Codec([type(event)], LocalRegistry())
    value = codec.encode(event).value
    (reader,) = [r for (name, _), r in codec._readers.items() if name == "Drawn"]
    walk = budget._Walk(reader.writer, value, 5)
    walk.value(reader.writer)
    assert walk.at == len(value)
    counted = OBJECTS_MOST - walk.left
    for rate in (1, 4, 64):
        excess = budget._Excess(reader.writer, rate)
        assert not excess.bounded or counted <= excess.most + rate * (len(value) - 5)


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=30))
def test_whatever_the_bytes_the_walk_ends(body: bytes) -> None:
    avro = record("a.R", many(["null", "string", {"type": "map", "values": "double"}]), "bytes")
    try:
        refuse_excess(avro, body, 0)
    except ContractError:
        return


@given(events_of_any_shape())
@settings(deadline=None, max_examples=25)
def test_models_of_any_shape_are_imported(event: Event) -> None:
    write_models(avro_schema(type(event)).text, "a file")
