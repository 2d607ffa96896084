"""The built-in registry: schemas in the compacted topic `minuet.schemas`, keyed by fingerprint.

The id of a schema is a function of its fingerprint, so nobody hands out numbers: any number of
publishers and workers may register at once, and write the same record. A record whose text does
not have the fingerprint of its key is not believed.

Where there is another registry, its ids are written down beside the schemas, so that who starts
while it is away knows them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from threading import Lock
from time import monotonic
from typing import cast

from confluent_kafka import Message

from minuet.contracts.registry import schema_id
from minuet.contracts.schema import Schema, read_schema
from minuet.errors import BrokerError, ContractError
from minuet.kafka.connection import Connection
from minuet.kafka.reading import snapshot
from minuet.kafka.writer import Headers, Place, WriteError, Writer

# An idempotent producer takes half a second to begin; a schema written twice is the same schema.
_WRITER = {"enable.idempotence": False}

_ACK_S = 10.0
_READ_AGAIN_S = 1.0  # for one unknown fingerprint; a flood of bad records must not flood the broker
_UNKNOWN_MOST = 10_000  # fingerprints remembered as unknown; forged ones must not fill the memory

_ID = "minuet_id"  # header: an id and the address of the registry that gave it

_LOG = logging.getLogger("minuet.kafka.registry")


class TopicRegistry:
    """A `Registry` whose schemas stand in Kafka itself: nothing more to run, or to back up.

    The topic is read when first needed, and its tail again when a fingerprint is not known.

    Args:
        connection: where Kafka is.
        topic: as the spec names it.
    """

    def __init__(self, connection: Connection, topic: str) -> None:
        self._connection, self._topic = connection, topic
        self._schemas: dict[str, Schema] = {}
        self._ids: dict[str, dict[str, int]] = {}  # of other registries, by fingerprint and address
        self._next: int | None = None  # offset to read on from; None before the first read
        self._tried: dict[str, float] = {}  # unknown fingerprint -> when it was looked for
        self._writer: Writer | None = None  # most processes find all schemas there
        self._lock = Lock()

    def register(self, schema: Schema) -> int:
        """Return the schema's id for the wire; writes the schema if it is not there yet.

        Raises:
            BrokerError: Kafka cannot be reached, or did not acknowledge.
            UsageError: the topic does not exist.
        """
        with self._lock:
            if self._next is None:
                self._read()
            if schema.fingerprint not in self._schemas:
                self._append(schema, {})
        return schema_id(schema.fingerprint)

    def id_at(self, address: str, fingerprint: str) -> int | None:
        """Return the id that another registry was last known to have for a schema.

        Raises:
            BrokerError: Kafka cannot be reached.
            UsageError: the topic does not exist.
        """
        with self._lock:
            if self._next is None:
                self._read()
            return self._ids.get(fingerprint, {}).get(address)

    def keep(self, schema: Schema, address: str, number: int) -> None:
        """Write down a schema, with the id that another registry has for it.

        Raises:
            BrokerError: Kafka cannot be reached, or did not acknowledge.
            UsageError: the topic does not exist.
        """
        if self.id_at(address, schema.fingerprint) == number:
            return
        with self._lock:
            self._read()  # another process may have written ids since, which must stay
            known = self._ids.get(schema.fingerprint, {})
            if known.get(address) == number:
                return
            self._append(schema, {**known, address: number})

    def find(self, fingerprint: str, number: int = 0) -> Schema | None:
        """Return the schema with this fingerprint, or None when nobody has registered it.

        Raises:
            BrokerError: Kafka cannot be reached.
            UsageError: the topic does not exist.
        """
        if known := self._schemas.get(fingerprint):
            return known
        with self._lock:
            now = monotonic()
            tried = self._tried.get(fingerprint)
            if tried is None or now - tried >= _READ_AGAIN_S:
                self._read()
                self._remember(fingerprint, now)
            return self._schemas.get(fingerprint)

    def _remember(self, fingerprint: str, now: float) -> None:
        self._tried.pop(fingerprint, None)
        if fingerprint in self._schemas:
            return
        if len(self._tried) >= _UNKNOWN_MOST:
            del self._tried[next(iter(self._tried))]
        self._tried[fingerprint] = now

    def _read(self) -> None:
        """Take in what stands in the topic after what was read before."""
        start = None if self._next is None else {0: self._next}
        after = self._next or 0
        for message in snapshot(self._connection, self._topic, start):
            after = (message.offset() or 0) + 1
            if schema := _schema(message):
                self._schemas[schema.fingerprint] = schema
                self._ids[schema.fingerprint] = _ids(message)
        self._next = after

    def _append(self, schema: Schema, ids: Mapping[str, int]) -> None:
        if self._writer is None:
            self._writer = Writer(self._connection, self._topic, **_WRITER)
        done: list[Place | WriteError] = []
        headers: Headers = [(_ID, f"{number} {at}".encode()) for at, number in sorted(ids.items())]
        self._writer.append(schema.fingerprint.encode(), schema.text.encode(), headers, done.append)
        self._writer.flush(_ACK_S)
        if not done:
            text = f"{self._connection.name}: {self._topic} did not acknowledge a schema"
            raise BrokerError(text)
        if isinstance(done[0], WriteError):
            raise done[0]
        self._schemas[schema.fingerprint] = schema
        self._ids[schema.fingerprint] = dict(ids)


def _schema(message: Message) -> Schema | None:
    """The schema of a record; None for one that cannot be believed."""
    key, value = message.key(), message.value()
    if key is None or value is None:
        return None
    try:
        fingerprint, schema = key.decode(), read_schema(value.decode())
    except (UnicodeDecodeError, ContractError):
        _LOG.warning("%s offset %s: not a schema", message.topic(), message.offset())
        return None
    if schema.fingerprint != fingerprint:
        _LOG.warning("%s offset %s: not the schema of its key", message.topic(), message.offset())
        return None
    return schema


def _ids(message: Message) -> dict[str, int]:
    """The ids of a record's schema, by the address of the registry."""
    found = {}
    for name, value in cast("Headers", message.headers() or []):
        text = value.decode(errors="replace") if isinstance(value, bytes) else ""
        number, _, address = text.partition(" ")
        if name == _ID and number.isascii() and number.isdecimal() and int(number) < 2**31:
            found[address] = int(number)
    return found
