"""A record as it stands on a log, with nothing left out and nothing understood."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple, cast

from confluent_kafka import Message

from minuet.kafka.connection import Connection
from minuet.kafka.reading import snapshot

HeaderList = list[tuple[str, bytes | None]]


class Kept(NamedTuple):
    """A record; what Kafka has as null is None.

    Args:
        partition, offset: where it stands.
        time: ms since 1970.
        key, value, headers: as they are.
    """

    partition: int
    offset: int
    time: int
    key: bytes | None
    value: bytes | None
    headers: HeaderList

    def header(self, name: str) -> bytes:
        """The last header of this name, which counts; empty when there is none."""
        found = b""
        for each, value in self.headers:
            if each == name and value is not None:
                found = value
        return found


def kept_snapshot(
    connection: Connection, topic: str, start: Mapping[int, int], until: Mapping[int, int]
) -> Iterator[Kept]:
    """Each record of `topic` from these offsets to before those.

    Raises:
        BrokerError: the broker cannot be reached, or sends nothing more.
        UsageError: there is no such topic.
    """
    for message in snapshot(connection, topic, start, until):
        yield kept_of(message)


def kept_of(message: Message) -> Kept:
    """A message as it is."""
    return Kept(
        message.partition() or 0,
        message.offset() or 0,
        message.timestamp()[1],
        message.key(),
        message.value(),
        cast("HeaderList", message.headers() or []),
    )
