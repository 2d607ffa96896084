"""Records as they are, for who must not trust them: bytes, and where they stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from confluent_kafka import Message

from minuet.event.record import Headers
from minuet.kafka.connection import Connection
from minuet.kafka.picking import pick
from minuet.kafka.reading import snapshot


@dataclass(frozen=True, slots=True)
class Raw:
    """A record; what is missing of it is empty, and a header without a value too."""

    partition: int
    offset: int
    time: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


def raw_snapshot(
    connection: Connection,
    topic: str,
    start: Mapping[int, int],
    until: Mapping[int, int] | None = None,
) -> Iterator[Raw]:
    """Each record of `topic` from these offsets up to those, or to the high watermark of now.

    Raises:
        BrokerError: the broker cannot be reached, or sends nothing more.
    """
    return (raw_of(message) for message in snapshot(connection, topic, start, until))


def raw_at(connection: Connection, topic: str, partition: int, offset: int) -> Raw | None:
    """The record at a place, or None when there is none.

    Raises:
        BrokerError: the broker cannot be reached.
        UsageError: there is no such topic.
    """
    found = pick(connection, topic, [(partition, offset)]).get((partition, offset))
    return raw_of(found) if found is not None else None


def raw_of(message: Message) -> Raw:
    """A message as it is."""
    headers = cast("Headers", message.headers() or [])
    return Raw(
        message.partition() or 0,
        message.offset() or 0,
        message.timestamp()[1],
        message.key() or b"",
        message.value() or b"",
        tuple((name, raw or b"") for name, raw in headers),
    )
