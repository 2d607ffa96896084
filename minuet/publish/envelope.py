"""An event made ready for the log: key, id, headers and bytes. Pure but for the clock it is given.

The id is the one that came from upstream, or a function of workflow, type and key: the same event
published twice has the same id, and the log takes the second for a duplicate.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

from minuet.contracts.codec import Codec
from minuet.errors import ContractError
from minuet.event import ids, record
from minuet.event.model import Event
from minuet.kafka.writer import Headers


class Sealed(NamedTuple):
    """A record for the log, not yet sent."""

    id: str
    key: bytes
    value: bytes
    headers: Headers
    digest: bytes


class Envelope:
    """Seals the events of one source for one workflow's log.

    Args:
        workflow: its name.
        key: the field of every model that is the saga's id.
        models: what may be sealed.
        codec: knows at least the models.
        source: CloudEvents' `source`; empty for `/<workflow>/publisher`.

    Raises:
        ContractError: a model has no such field.
    """

    def __init__(
        self, workflow: str, key: str, models: Iterable[type[Event]], codec: Codec, source: str = ""
    ) -> None:
        self.workflow, self.key = workflow, key
        self._names = {model: model.__name__ for model in models}
        self._codec = codec
        self._source = (source or f"/{workflow}/publisher").encode()
        for model, name in self._names.items():
            if key not in model.model_fields:
                message = f"{name} has no field {key!r}, the key of {workflow}"
                raise ContractError(message)

    def seal(
        self, event: Event, now_ms: int, *, id: str = "", traceparent: str = "", source: bytes = b""
    ) -> Sealed:
        """Return the record of `event`; `source` is another than this envelope's own.

        Raises:
            ContractError: not one of the models, an empty key, an id that cannot be one, or a
                value that Avro cannot hold.
        """
        name = self._names.get(type(event))
        if name is None:
            message = f"{type(event).__name__} is not one of the models of this publisher"
            raise ContractError(message)
        saga_id = saga_id_of(event, self.key)
        if not saga_id:
            message = f"{self.key}: it is the saga's id and cannot be empty"
            raise ContractError(message)
        if id:
            _check_id(id)
        event_id = id or ids.begin_id(self.workflow, name, saga_id)
        value, schema, digest = self._codec.encode(event)
        headers: Headers = [
            *record.base_headers(event_id, name, source or self._source, now_ms),
            (record.SCHEMA, schema),
            (record.DIGEST, digest),
        ]
        if traceparent:
            headers.append((record.TRACEPARENT, traceparent.encode()))
        return Sealed(event_id, saga_id.encode(), value, headers, digest)


def saga_id_of(event: Event, key: str) -> str:
    """The saga that an event belongs to, by its field; the record's key is the same text."""
    value = getattr(event, key)
    return str(value.value if isinstance(value, Enum) else value)


_ID_MOST = 256


def _check_id(id: str) -> None:
    """Refuse an id that could not stand in a list of causes, which is joined by commas."""
    if len(id) > _ID_MOST or "," in id or not id.isprintable():
        message = f"an id has at most {_ID_MOST} printable characters and no comma"
        raise ContractError(message)
