"""Many models of any shape: fastavro and the Apache implementation read each other's bytes."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Annotated, Any

from fastavro import parse_schema
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import create_model

from minuet.contracts.codec import Codec
from minuet.contracts.registry import LocalRegistry
from minuet.contracts.schema import avro_schema
from minuet.errors import UnreadableValue
from minuet.event.marks import Formerly
from minuet.event.model import Event
from minuet.evolution.resolving import broken
from tests.properties.strategies import SCALARS, events_of_any_shape
from tests.unit.contracts import apache
from tests.unit.contracts.models import Everything


@given(events_of_any_shape())
@settings(deadline=None, max_examples=300)
def test_both_read_what_both_wrote_as_the_same_event(event: Event) -> None:
    text = avro_schema(type(event)).text
    codec = Codec([type(event)], LocalRegistry())
    value, schema, _ = codec.encode(event)
    assert codec.decode("Drawn", schema, value) == event
    assert apache.read(value[5:], text) == apache.plain(event)
    theirs = apache.write(apache.plain(event), text)
    assert codec.decode("Drawn", schema, value[:5] + theirs) == event


@st.composite
def events_and_a_later_model(draw: st.DrawFn) -> tuple[Event, Any]:
    """Draw an event, and a model that its own became: fields gone, new, optional or renamed."""
    event = draw(events_of_any_shape())
    fields: dict[str, Any] = {"added": (str | None, None)} if draw(st.booleans()) else {}
    for name, info in type(event).model_fields.items():
        hint: Any = info.annotation
        if info.metadata:
            hint = Annotated.__class_getitem__((hint, *info.metadata))  # type: ignore[attr-defined]
        match draw(st.sampled_from(["kept", "gone", "optional", "renamed", "other"])):
            case "kept":
                fields[name] = (hint, ...)
            case "optional":
                fields[name] = (hint | None, ...)
            case "renamed":
                fields[f"new_{name}"] = (Annotated[hint, Formerly(name)], ...)
            case "other":
                fields[name] = (draw(st.sampled_from([hint for hint, _ in SCALARS])), ...)
    return event, create_model("Drawn", __base__=Event, __module__="drawn", **fields)


@given(events_and_a_later_model())
@settings(deadline=None, max_examples=200)
def test_what_the_check_allows_we_read_as_the_same_values(
    drawn: tuple[Event, Any],
) -> None:
    event, later = drawn
    registry = LocalRegistry()
    value, schema, _ = Codec([type(event)], registry).encode(event)
    old, new = avro_schema(type(event)).text, avro_schema(later).text
    if broken(parse_schema(json.loads(new)), parse_schema(json.loads(old))):
        return
    back = Codec([later], registry).decode("Drawn", schema, value)
    for name, found in back:
        if name != "added":
            was = getattr(event, name.removeprefix("new_"))
            assert apache.plain(found) == apache.plain(was)


@given(st.binary(max_size=200))
@settings(deadline=None, max_examples=1_000)
def test_any_bytes_are_an_event_or_unreadable(body: bytes) -> None:
    with suppress(UnreadableValue):
        EVERYTHING.decode("Everything", EVERYTHING_HEADER, b"\x00" * 5 + body)


EVERYTHING = Codec([Everything], LocalRegistry())
EVERYTHING_HEADER = b"urn:minuet:avro:" + avro_schema(Everything).fingerprint.encode()
