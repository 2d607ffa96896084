"""Events to bytes and back: Avro in the Confluent wire format, every value validated.

This is the hot path: everything that depends only on a type is made once, at the first use.
What is wrong is said without the values themselves, which may be personal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import Any, NamedTuple

from fastavro import parse_schema, schemaless_reader, schemaless_writer
from pydantic import ValidationError

from minuet.contracts.budget import refuse_excess, unguarded_bytes
from minuet.contracts.composites import refused_fields
from minuet.contracts.registry import Registry
from minuet.contracts.resolution import resolution
from minuet.contracts.safety import bare, has_records_apart, safe_schema
from minuet.contracts.scalars import Convert, Json, Shape
from minuet.contracts.schema import Schema, fingerprint_of, schema_of
from minuet.contracts.shape import shape_of
from minuet.errors import BrokerError, ContractError, DefinitionError, UnreadableValue
from minuet.event.ids import body_digest
from minuet.event.model import Event
from minuet.event.platform import PLATFORM_EVENTS
from minuet.event.record import SCHEMA_PREFIX
from minuet.event.upcast import upcasting

_MAGIC = b"\x00"
_PREFIX_BYTES = 5  # the magic byte and the schema's id


def wire_id(value: bytes) -> int:
    """The id of the schema in a value of the Confluent wire format; 0 where there is none."""
    prefix = value[:_PREFIX_BYTES]
    is_whole = len(prefix) == _PREFIX_BYTES and prefix[:1] == _MAGIC
    return int.from_bytes(prefix[1:], "big") * is_whole


class Encoded(NamedTuple):
    """An event as bytes: the record's value, and the two headers that speak of it."""

    value: bytes
    schema: bytes
    digest: bytes


@dataclass(slots=True)
class _Form:
    """What is prepared for a type: its schema, its conversions, and its prefix once registered."""

    model: type[Event]
    schema: Schema
    shape: Shape
    parsed: Json
    to_wire: Convert
    header: bytes
    prefix: bytes = b""


class _Reader(NamedTuple):
    """What is prepared to read a type in one writer's schema.

    Args:
        writer: the schema, without logical types.
        from_wire, validate: what becomes of what fastavro reads.
        apart: whether fastavro must name the record that it read from a union.
        unguarded: up to how many bytes a value needs no look at its size.
    """

    writer: Json
    from_wire: Convert
    validate: Callable[[Any], Event]
    apart: bool
    unguarded: int


class Codec:
    """Encodes and decodes the events of `models` and those of the platform.

    Args:
        models: event classes; their names are the event types.
        registry: keeps the schemas; asked once for each type and each unknown fingerprint.

    Raises:
        DefinitionError: a model cannot be kept exactly, or two have the same name.
    """

    def __init__(self, models: Iterable[type[Event]], registry: Registry) -> None:
        self._registry = registry
        self._by_name: dict[str, _Form] = {}
        self._by_model: dict[type, _Form] = {}
        self._readers: dict[tuple[str, bytes], _Reader] = {}
        for model in (*PLATFORM_EVENTS.values(), *models):
            self._add(model)

    def encode(self, event: Event) -> Encoded:
        """Return the event's value and the headers of its schema and content.

        Raises:
            ContractError: its type is unknown here, or a field does not hold what the model says.
        """
        form = self._by_model.get(type(event))
        if form is None:
            message = f"{type(event).__name__} is no event of this workflow"
            raise ContractError(message)
        prefix = form.prefix or self._register(form)
        buffer = BytesIO()
        try:
            schemaless_writer(buffer, form.parsed, form.to_wire(event))
        except ContractError as error:
            message = f"{form.model.__name__}.{error}"
            raise ContractError(message) from None
        except Exception as error:  # fastavro raises what its types raise
            message = f"{form.model.__name__} cannot be encoded: {_kind_of(error)}"
            raise ContractError(message) from None
        body = buffer.getvalue()
        return Encoded(prefix + body, form.header, body_digest(body).encode())

    def decode(self, event_type: str, schema: bytes, value: bytes) -> Event:
        """Return the event of a record.

        Args:
            event_type: from the record's header.
            schema: the header that names the writer's schema; the id in the value only helps to
                find it.
            value: the record's value.

        Raises:
            UnreadableValue: says why.
            BrokerError: whether it can be read is not known now.
        """
        reader = self._readers.get((event_type, schema)) or self._reader(event_type, schema, value)
        if len(value) < _PREFIX_BYTES or value[:1] != _MAGIC:
            message = f"{event_type}: the value does not begin with a zero byte and a schema id"
            raise UnreadableValue(message)
        if len(value) > reader.unguarded:
            _refuse_excess(event_type, reader, value)
        buffer = BytesIO(value)
        buffer.seek(_PREFIX_BYTES)
        try:
            raw = schemaless_reader(buffer, reader.writer, None, reader.apart, reader.apart)
        except Exception as error:  # whatever bytes can make fastavro raise
            message = f"{event_type}: the value is truncated or no such Avro: {_kind_of(error)}"
            raise UnreadableValue(message) from None
        if buffer.tell() != len(value):
            message = f"{event_type}: {len(value) - buffer.tell()} bytes are left after the event"
            raise UnreadableValue(message)
        try:
            return reader.validate(reader.from_wire(raw))
        except Exception as error:  # a model's own validators may raise anything
            message = f"{event_type}: the model refuses: {_refusal(error)}"
            raise UnreadableValue(message) from None

    def model(self, event_type: str) -> type[Event]:
        """Return the class of an event type.

        Raises:
            ContractError: the type is unknown here.
        """
        return self._form(event_type, ContractError).model

    def newest(self, event_type: str) -> bytes:
        """Return the header that names the schema this type is written in; empty if unknown."""
        form = self._by_name.get(event_type)
        return form.header if form is not None else b""

    def fields(self, event_type: str) -> tuple[str, ...]:
        """Return the names of an event type's fields, in the order written.

        Raises:
            ContractError: the type is unknown here.
        """
        return tuple(self.model(event_type).model_fields)

    def register(self) -> None:
        """Register every schema now, instead of each at its first encode."""
        for form in self._by_name.values():
            if not form.prefix:
                self._register(form)

    def _add(self, model: type[Event]) -> None:
        known = self._by_name.get(model.__name__)
        if known is not None:
            if known.model is model:
                return
            message = f"two events are named {model.__name__}"
            raise DefinitionError(message, mend="rename one: the name is the event's type")
        shape = shape_of(model)
        assert shape.to_wire
        assert shape.from_wire
        schema = schema_of(shape.avro)
        header = SCHEMA_PREFIX + schema.fingerprint.encode()
        form = _Form(model, schema, shape, parse_schema(bare(shape.avro)), shape.to_wire, header)
        self._by_name[model.__name__] = self._by_model[model] = form
        self._readers[model.__name__, header] = _reader_of(shape.avro, shape.from_wire, model)

    def _form(self, event_type: str, error: type[ContractError]) -> _Form:
        form = self._by_name.get(event_type)
        if form is None:
            message = f"{event_type} is no event of this workflow"
            raise error(message)
        return form

    def _register(self, form: _Form) -> bytes:
        number = self._registry.register(form.schema)
        form.prefix = _MAGIC + number.to_bytes(_PREFIX_BYTES - 1, "big")
        return form.prefix

    def _reader(self, event_type: str, schema: bytes, value: bytes) -> _Reader:
        """Prepare to read what a writer with another schema wrote."""
        form = self._form(event_type, UnreadableValue)
        fingerprint = schema.removeprefix(SCHEMA_PREFIX).decode(errors="replace")
        try:
            is_ours = schema.startswith(SCHEMA_PREFIX)
            found = self._registry.find(fingerprint, wire_id(value)) if is_ours else None
            if found is None:
                message = f"{event_type}: nobody registered the schema {schema!r}"
                raise UnreadableValue(message)
            writer = _checked(found, fingerprint)
            upcast = upcasting(form.model, fingerprint)
            if upcast is not None:
                reader = _upcasting_reader(writer, upcast, form.model)
            else:
                reader = _reader_of(writer, resolution(writer, form.shape), form.model)
        except (BrokerError, UnreadableValue):
            raise
        except Exception as error:  # a stored schema may be anything
            message = f"{event_type}: the schema {fingerprint} cannot be used: {error}"
            raise UnreadableValue(message) from None
        self._readers[event_type, schema] = reader
        return reader


def _reader_of(writer: Json, from_wire: Convert, model: type[Event]) -> _Reader:
    return _Reader(
        parse_schema(bare(writer)),
        from_wire,
        model.__pydantic_validator__.validate_python,
        has_records_apart(writer),
        unguarded_bytes(writer),
    )


def _upcasting_reader(writer: Json, upcast: Convert, model: type[Event]) -> _Reader:
    """Read as Avro's logical types say; what the user's function makes of it is validated."""
    validate = partial(model.__pydantic_validator__.validate_python, strict=False)
    return _Reader(parse_schema(writer), upcast, validate, False, unguarded_bytes(writer))


def _refuse_excess(event_type: str, reader: _Reader, value: bytes) -> None:
    try:
        refuse_excess(reader.writer, value, _PREFIX_BYTES)
    except ContractError as error:
        message = f"{event_type}: {error}"
        raise UnreadableValue(message) from None


def _checked(schema: Schema, fingerprint: str) -> Json:
    """Return a stored schema as JSON, its names in full.

    Raises:
        ContractError: it is not what its fingerprint says, or dangerous to decode.
    """
    if fingerprint_of(schema.text) != fingerprint:
        message = "its text has another fingerprint"
        raise ContractError(message)
    return safe_schema(schema.text)


def _kind_of(error: Exception) -> str:
    """Return what happened without the value at fault."""
    return type(error).__name__


def _refusal(error: Exception) -> str:
    """Return which fields were refused and why, without what they hold."""
    if isinstance(error, ContractError):
        return str(error)
    if not isinstance(error, ValidationError):
        return type(error).__name__
    return refused_fields(error)
