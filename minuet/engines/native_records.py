"""What a poll of Kafka brought, in the words of the seam: records sorted into partitions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaError, Message

from minuet.engines.log import Unreadable
from minuet.event.record import Record, UnreadableHeaders, parse

_PASSING = frozenset({KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT})


@dataclass(slots=True)
class Read:
    """What was read of one partition.

    Args:
        items: how many messages that were, and `size`: the bytes of their values.
        records: in their order.
        end: how far was read without a record, -1 when that was not told.
        error: no more will come.
    """

    items: int = 0
    size: int = 0
    records: list[Record | Unreadable] = field(default_factory=list)
    end: int = -1
    error: KafkaError | None = None


def by_partition(messages: Iterable[Message]) -> dict[int, Read]:
    """Sort messages into partitions."""
    found: dict[int, Read] = {}
    for message in messages:
        partition = message.partition() or 0
        read = found.get(partition)
        if read is None:
            read = found[partition] = Read()
        read.items += 1
        error = message.error()
        if error is None:
            record = _record(message)
            read.size += len(record.value or b"")
            read.records.append(record)
        elif error.code() == KafkaError._PARTITION_EOF:
            read.end = message.offset() or 0
        elif lasts(error):
            read.error = error
    return found


def lasts(error: KafkaError) -> bool:
    """Whether a consumer's error will not pass by itself."""
    return error.fatal() or not (error.retriable() or error.code() in _PASSING)


def _record(message: Message) -> Record | Unreadable:
    key, value, headers = message.key(), message.value(), message.headers()
    offset, time = message.offset() or 0, message.timestamp()[1]
    try:
        return parse(key, value, headers, offset, time)  # type: ignore[arg-type]
    except UnreadableHeaders as bad:
        return raw(message, str(bad))


def raw(message: Message, reason: str = "") -> Unreadable:
    """A message as it is."""
    headers: list[Any] = list(message.headers() or [])
    offset, time = message.offset() or 0, message.timestamp()[1]
    return Unreadable(offset, time, message.key() or b"", message.value(), headers, reason)
