"""Reading from Kafka beside the group: stored rows, patience, and how far ahead reading is."""

from __future__ import annotations

import asyncio
import ctypes
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import TypeVar

from confluent_kafka import (
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from minuet.engines.log import Unreadable
from minuet.engines.native_records import by_partition, lasts
from minuet.errors import BrokerError
from minuet.event.record import Record
from minuet.kafka.connection import REACH_S, Connection
from minuet.kafka.patience import AWAY_S, patiently
from minuet.kafka.reading import is_of_group

T = TypeVar("T")

STALLED_S = AWAY_S  # without any row: a broker that went away, or an open transaction
ROWS_BATCH = 2_000
_ROWS = {"enable.partition.eof": True, "queued.max.messages.kbytes": 2_048}  # a restore of many

AHEAD_MOST = 20_000  # records that are handed over and not yet folded; reading goes on at half
AHEAD_MOST_BYTES = 32 * 2**20


class Lead:
    """How far reading is ahead of the loop.

    Each count has one thread that writes it, so that none needs a lock.
    """

    def __init__(self) -> None:
        self._read = self._read_bytes = 0
        self._taken = self._taken_bytes = 0
        self._far = False

    def handed_over(self, items: int, size: int) -> None:
        """Note what the reading thread gave to the loop."""
        self._read += items
        self._read_bytes += size

    def delivered(self, items: int, size: int) -> None:
        """Note what the loop took."""
        self._taken += items
        self._taken_bytes += size

    def is_far(self) -> bool:
        """Whether reading should wait: from the bound on, until it has come down to half of it."""
        parts = 2 if self._far else 1
        items, size = self._read - self._taken, self._read_bytes - self._taken_bytes
        self._far = items > AHEAD_MOST // parts or size > AHEAD_MOST_BYTES // parts
        return self._far


async def stored_rows(
    connection: Connection, place: tuple[str, int], start: int, end: int | None
) -> AsyncIterator[Sequence[tuple[bytes, bytes | None, int]]]:
    """Read the rows of one partition as (key, row or None, offset), to `end` or the end of now.

    Raises:
        BrokerError: the broker does not say where they end, or sends nothing more.
    """
    async for messages in _stored(connection, place, start, end):
        yield [
            (message.key() or b"", message.value(), message.offset() or 0) for message in messages
        ]


async def stored_records(
    connection: Connection, place: tuple[str, int], start: int, end: int
) -> AsyncIterator[Sequence[Record | Unreadable]]:
    """Read the records of one partition of the log between two offsets.

    Raises:
        BrokerError: the broker does not say where they end, or sends nothing more.
    """
    async for messages in _stored(connection, place, start, end):
        yield [record for read in by_partition(messages).values() for record in read.records]


async def _stored(
    connection: Connection, place: tuple[str, int], start: int, end: int | None
) -> AsyncIterator[Sequence[Message]]:
    """Read the messages of one partition, without what is none of them."""
    consumer = connection.consumer(**_ROWS)
    partition = TopicPartition(*place)
    try:
        low, high = await asyncio.to_thread(
            patiently, lambda: consumer.get_watermark_offsets(partition, timeout=REACH_S), AWAY_S
        )
        end = high if end is None else end
        if end <= max(low, start):
            return
        position = max(low, start)  # a number: the beginning by name costs another request
        consumer.assign([TopicPartition(*place, position)])
        silent_s = 0.0
        while position < end:
            asked = time.monotonic()
            messages = await asyncio.to_thread(consumer.consume, ROWS_BATCH, 0.1)
            before, position = position, max(position, _position(messages))
            silent_s = 0.0 if position > before else silent_s + time.monotonic() - asked
            if silent_s > STALLED_S:
                raise _stalled(connection, place, position, end)
            yield _before(end, messages)
    except KafkaException as failure:
        raise connection.error(failure, f"topic {place[0]}", "Read") from failure
    finally:
        consumer.close()
        _give_back_memory()


async def in_turn(places: asyncio.Semaphore, items: AsyncIterator[T]) -> AsyncIterator[T]:
    """Iterate once there is a place: what is iterated over opens nothing before."""
    async with places:
        async for item in items:
            yield item


async def nothing() -> AsyncIterator[Sequence[tuple[bytes, bytes | None, int]]]:
    """Yield no rows."""
    none: Sequence[Sequence[tuple[bytes, bytes | None, int]]] = ()
    for rows in none:
        yield rows


def _position(messages: Iterable[Message]) -> int:
    """Return how far these have been read, by records and ends of partitions.

    Raises:
        KafkaException: no more will come.
    """
    position = 0
    for message in messages:
        error, offset = message.error(), message.offset() or 0
        if error is None:
            position = max(position, offset + 1)
        elif error.code() == KafkaError._PARTITION_EOF:
            position = max(position, offset)
        elif lasts(error) and not is_of_group(error):
            raise KafkaException(error)
    return position


def _before(end: int, messages: Iterable[Message]) -> Sequence[Message]:
    return [
        message for message in messages if message.error() is None and (message.offset() or 0) < end
    ]


def _stalled(
    connection: Connection, place: tuple[str, int], position: int, end: int
) -> BrokerError:
    topic, number = place
    stands = f"{topic}/{number} stands at {position} of {end}"
    return BrokerError(f"Kafka at {connection.bootstrap}: {stands} and sent nothing for a while")


def _give_back_memory() -> None:
    """Have the C library return what reading needed: of 485 MB after a million rows, 145."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it, others need it less
    if trim is not None:
        trim(0)
