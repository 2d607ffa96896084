"""Plain Avro records of other systems as events: read in their own schema, fields by a mapping.

A record's fields are judged as those of a JSON line: exact decimals and moments stay exact, and
what the model does not take is a reason, without the values.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from io import BytesIO
from typing import Any, NamedTuple
from uuid import UUID

from fastavro import schemaless_reader
from pydantic import ValidationError

from minuet.contracts.budget import refuse_excess, unguarded_bytes
from minuet.contracts.safety import safe_schema
from minuet.errors import ContractError, UsageError
from minuet.event.model import Event
from minuet.kafka.schema_service import SchemaService
from minuet.kafka.schema_texts import whole
from minuet.publish.source import why
from minuet.settings.registry import Registry

_PREFIX_BYTES = 5  # a zero byte and the schema's id

Find = Callable[[int], str]
_MISSING = object()


class Writer(NamedTuple):
    """The schema by which records were written, made ready to read them.

    Args:
        schema: it, its names in full.
        name: what it is called in a message.
        unguarded: up to how many bytes a value needs no look at its size.
    """

    schema: Any
    name: str
    unguarded: int


class Foreign:
    """Reads records in the Confluent wire format as events of `model`.

    Args:
        model: what they are to be.
        mapping: field of the model -> field of the record; others by the same name.
        find: the text of the schema with an id.
    """

    def __init__(self, model: type[Event], mapping: Mapping[str, str], find: Find) -> None:
        self._mapped = Mapped(model, mapping)
        self._find = find
        self._schemas: dict[int, Writer] = {}

    def read(self, value: bytes | None) -> Event:
        """The event of a record's value.

        Raises:
            ContractError: it is none; says why.
        """
        if value is None or len(value) < _PREFIX_BYTES or value[0]:
            message = "the value does not begin with a zero byte and a schema id"
            raise ContractError(message)
        number = int.from_bytes(value[1:_PREFIX_BYTES], "big")
        if number not in self._schemas:
            self._schemas[number] = writer_of(self._find(number), str(number))
        return self._mapped.event(decoded(value, self._schemas[number]))


class Mapped:
    """Makes events of what records hold: fields by a mapping, a dot goes one deeper.

    Args:
        model: what they are to be.
        mapping: field of the model -> field of the record; others by the same name.
    """

    def __init__(self, model: type[Event], mapping: Mapping[str, str]) -> None:
        self._validate: Callable[[str], Event] = model.__pydantic_validator__.validate_json
        self._fields = {name: mapping.get(name, name) for name in model.model_fields}

    def event(self, raw: Mapping[str, Any]) -> Event:
        """The event of what a record holds.

        Raises:
            ContractError: it is none; says why.
        """
        found = ((name, _at(raw, theirs)) for name, theirs in self._fields.items())
        given = {name: value for name, value in found if value is not _MISSING}
        try:
            return self._validate(json.dumps(given, default=_text))
        except ValidationError as error:
            raise ContractError(why(error)) from None
        except (UnicodeDecodeError, TypeError) as error:
            message = f"a value that JSON has not: {type(error).__name__}"
            raise ContractError(message) from None


def _at(raw: Any, place: str) -> Any:
    """What stands there; a name that has a dot itself is found first."""
    if not isinstance(raw, Mapping):
        return _MISSING
    if place in raw:
        return raw[place]
    first, dot, rest = place.partition(".")
    return _at(raw[first], rest) if dot and first in raw else _MISSING


def decoded(value: bytes, writer: Writer) -> dict[str, Any]:
    """What a record in the Confluent wire format holds, by its writer's schema.

    Raises:
        ContractError: it is not of that schema, or holds more than a value may.
    """
    schema, name, unguarded = writer
    if len(value) > unguarded:
        _refuse_excess(value, writer)
    buffer = BytesIO(value)
    buffer.seek(_PREFIX_BYTES)
    try:
        raw = schemaless_reader(buffer, schema, None)
    except Exception as error:  # whatever bytes can make fastavro raise
        message = f"no such Avro, by schema {name}: {type(error).__name__}"
        raise ContractError(message) from None
    if buffer.tell() != len(value):
        message = f"bytes are left behind the record of schema {name}"
        raise ContractError(message)
    if not isinstance(raw, dict):
        message = f"schema {name} is not of a record"
        raise ContractError(message)
    return raw


def _refuse_excess(value: bytes, writer: Writer) -> None:
    try:
        refuse_excess(writer.schema, value, _PREFIX_BYTES)
    except ContractError as error:
        message = f"schema {writer.name}: {error}"
        raise ContractError(message) from None


def writer_of(text: str, name: str) -> Writer:
    """A schema made ready for `decoded`.

    Raises:
        ContractError: it cannot be used.
    """
    try:
        schema = safe_schema(text)
        return Writer(schema, name, unguarded_bytes(schema))
    except Exception as error:  # fastavro raises what its types raise
        message = f"schema {name} cannot be used: {error}"
        raise ContractError(message) from None


def mapping_of(text: str, model: type[Event]) -> dict[str, str]:
    """The mapping written as `field=theirs,other=that`.

    Raises:
        UsageError: it is written otherwise, or names a field that the model has not.
    """
    mapping: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, theirs = (each.strip() for each in part.partition("="))
        if not name or not theirs:
            message = f"--map {part}: write FIELD=THEIRS, joined by commas"
            raise UsageError(message)
        if name not in model.model_fields or name in mapping:
            known = ", ".join(model.model_fields)
            fault = "is mapped twice" if name in mapping else f"is no field of {model.__name__}"
            message = f"--map {part}: {name} {fault}; it has: {known}"
            raise UsageError(message)
        mapping[name] = theirs
    return mapping


def in_registry(settings: Registry) -> Find:
    """Schemas by id from a registry with Confluent's interface.

    Raises:
        UsageError: a setting is wrong.
    """
    service = SchemaService(settings)

    def find(number: int) -> str:
        found = service.by_id(number)
        if found is None:  # a record with a wrong id; other answers are the registry's fault
            message = f"the registry has no schema {number}"
            raise ContractError(message)
        return whole(found, service.version)

    return find


def in_files(texts: Mapping[int | None, str]) -> Find:
    """Schemas that were given: by id, or one for all."""

    def find(number: int) -> str:
        text = texts.get(number) or texts.get(None)
        if text is None:
            message = f"nobody gave the schema {number}"
            raise ContractError(message)
        return text

    return find


def _text(value: Any) -> Any:
    """What JSON has no type for, as the text that a JSON line would have."""
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, (Decimal, UUID)):
        return str(value)
    if isinstance(value, bytes):
        return value.decode()
    raise TypeError
