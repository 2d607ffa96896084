"""What is read elsewhere: a record as an event of this workflow, under an id that is always its."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from minuet.contracts.codec import wire_id
from minuet.contracts.registry import Registry
from minuet.errors import ContractError
from minuet.event import ids
from minuet.event.model import Event
from minuet.event.record import ID, SCHEMA, SCHEMA_PREFIX, SOURCE, TRACEPARENT, TYPE
from minuet.kafka.raw import Raw
from minuet.publish.batch import upstream_id
from minuet.publish.foreign import Find, Foreign, Mapped, Writer, decoded, writer_of
from minuet.publish.source import cut_short
from minuet.spec.model import ImportSpec


class Taken(NamedTuple):
    """A record as an event.

    Args:
        id: that the event has, however often it is imported.
        source: CloudEvents' `source`, of where it comes from.
        traceparent: W3C trace context, when one came.
    """

    event: Event
    id: str
    source: bytes
    traceparent: str = ""


class Source(Protocol):
    """Where one import comes from."""

    spec: ImportSpec

    def read(self, record: Raw) -> Taken | None:
        """Return the event of a record, or None when the record is none that is meant.

        Raises:
            ContractError: it is meant, and is no such event; says why, without the values.
        """


class OfLog:
    """Events of one type on another workflow's log: they keep their ids.

    Args:
        spec: of the import.
        model: what they are here.
        registry: of the schemas they are written by.
    """

    def __init__(self, spec: ImportSpec, model: type[Event], registry: Registry) -> None:
        self.spec = spec
        self._named = spec.named.encode()
        self._mapped = Mapped(model, dict(spec.fields))
        self._registry = registry
        self._schemas: dict[str, Writer] = {}

    def read(self, record: Raw) -> Taken | None:
        """See `Source.read`."""
        headers = dict(record.headers)
        if headers.get(TYPE) != self._named:
            return None
        writer = self._writer(headers.get(SCHEMA, b""), wire_id(record.value))
        event = self._mapped.event(decoded(record.value, writer))
        known = headers.get(ID, b"").decode(errors="replace")
        id = upstream_id(event, self.spec.id) if self.spec.id else known
        if not id:
            message = "the record has no id"
            raise ContractError(message)
        trace = headers.get(TRACEPARENT, b"").decode(errors="replace")
        return Taken(event, id, headers.get(SOURCE, b""), trace)

    def _writer(self, written: bytes, number: int) -> Writer:
        name = written.removeprefix(SCHEMA_PREFIX).decode(errors="replace")
        if name not in self._schemas:
            is_ours = written.startswith(SCHEMA_PREFIX)
            found = self._registry.find(name, number) if is_ours else None
            if found is None:
                message = f"nobody registered its schema {name!r}"
                raise ContractError(message)
            self._schemas[name] = writer_of(found.text, name)
        return self._schemas[name]


class OfTopic:
    """The records of a topic that Minuet does not own, each of them an event.

    Args:
        spec: of the import.
        model: what they are here.
        find: the text of an Avro schema by its id; not asked for JSON.
    """

    def __init__(self, spec: ImportSpec, model: type[Event], find: Find) -> None:
        self.spec = spec
        fields = dict(spec.fields)
        self._event: Callable[[bytes], Event] = Foreign(model, fields, find).read
        if spec.format == "json":
            mapped = Mapped(model, fields)
            self._event = lambda value: mapped.event(_object(value))
        self._source = f"/{spec.topic}".encode()

    def read(self, record: Raw) -> Taken | None:
        """See `Source.read`; a tombstone says that something is gone, and is no event."""
        if not record.value:
            return None
        event = self._event(record.value)
        made = ids.derive("record", self.spec.topic, str(record.partition), str(record.offset))
        id = upstream_id(event, self.spec.id) if self.spec.id else made
        trace = dict(record.headers).get(TRACEPARENT, b"").decode(errors="replace")
        return Taken(event, id, self._source, trace)


def _refuse(word: str) -> None:
    raise ValueError(word)  # NaN and the infinities, which JSON has not


def _object(value: bytes) -> dict[str, Any]:
    if reason := cut_short(value):
        raise ContractError(reason)
    try:
        found = json.loads(value, parse_constant=_refuse)
    except (ValueError, RecursionError):
        message = "the value is not JSON"
        raise ContractError(message) from None
    if not isinstance(found, dict):
        message = "the value is no JSON object"
        raise ContractError(message)
    return found
