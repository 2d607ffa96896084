"""Events to bytes and back: Avro in the Confluent wire format, checked by the models both ways.

A model checks what is made of it when it is made, so that encoding need not look again. The ids
are those that a registry would have given; they are known from the start, as in a client whose
cache is warm, so that no registry is asked while anything is measured.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

from fastavro import parse_schema, schemaless_reader, schemaless_writer

from bench.sidebyside.programs.events import EVENTS, Event

_MAGIC = b"\x00"
_PREFIX_BYTES = 5
_AVRO = {str: "string", int: "long"}


def _schema(model: type[Event]) -> Any:
    fields = [
        {"name": name, "type": _AVRO[field.annotation]}  # type: ignore[index]
        for name, field in model.model_fields.items()
    ]
    return parse_schema({"type": "record", "name": model.__name__, "fields": fields})


_SCHEMAS = {model: _schema(model) for model in EVENTS}
_PREFIXES = {model: _MAGIC + number.to_bytes(4, "big") for number, model in enumerate(EVENTS, 1)}
_MODELS = {prefix: model for model, prefix in _PREFIXES.items()}


def encode(event: Event) -> bytes:
    """The event as the value of a record."""
    model = type(event)
    out = BytesIO()
    out.write(_PREFIXES[model])
    schemaless_writer(out, _SCHEMAS[model], vars(event))
    return out.getvalue()


def decode(value: bytes) -> Event:
    """The event of a record's value.

    Raises:
        ValueError: it is of no known type, or the model refuses it.
    """
    model = _MODELS.get(value[:_PREFIX_BYTES])
    if model is None:
        message = "the value is of no event that is known here"
        raise ValueError(message)
    source = BytesIO(value)
    source.seek(_PREFIX_BYTES)
    return model.model_validate(schemaless_reader(source, _SCHEMAS[model], None))


def type_of(value: bytes) -> str:
    """The event's name, without reading it; empty when it is none."""
    model = _MODELS.get(value[:_PREFIX_BYTES])
    return model.__name__ if model else ""
