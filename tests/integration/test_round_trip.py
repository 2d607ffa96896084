"""Many models of any shape: fastavro and the Apache implementation read each other's bytes."""

from __future__ import annotations

from hypothesis import given, settings

from minuet.contracts.codec import Codec
from minuet.contracts.registry import LocalRegistry
from minuet.contracts.schema import avro_schema
from minuet.event.model import Event
from tests.unit.contracts import apache
from tests.unit.contracts.strategies import events_of_any_shape


@given(events_of_any_shape())
@settings(deadline=None, max_examples=600)
def test_both_read_what_both_wrote_as_the_same_event(event: Event) -> None:
    text = avro_schema(type(event)).text
    codec = Codec([type(event)], LocalRegistry())
    value, schema, _ = codec.encode(event)
    assert codec.decode("Drawn", schema, value) == event
    assert apache.read(value[5:], text) == apache.plain(event)
    theirs = apache.write(apache.plain(event), text)
    assert codec.decode("Drawn", schema, value[:5] + theirs) == event
