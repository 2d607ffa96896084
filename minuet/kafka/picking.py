"""Picking single records of a topic by where they stand."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from time import monotonic

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from minuet.kafka.connection import REACH_S, Connection
from minuet.kafka.patience import refuse_untold
from minuet.kafka.reading import bounds, drain, partitions, refuse_silence

Place = tuple[int, int]  # partition, offset
NEAR = 50  # records between two wanted ones that are read over: to go there anew takes 1 to 3 ms

# A jump waits for the fetch that is under way: so each asks for little, and nothing is asked for
# ahead. A record that is larger comes all the same.
_CONSUMER = {
    "fetch.wait.max.ms": 5,
    "fetch.message.max.bytes": 16_384,
    "queued.min.messages": 1,
    "queued.max.messages.kbytes": 4_096,
    "fetch.queue.backoff.ms": 0,
    "enable.partition.eof": True,  # the last offsets may be no records, but marks of transactions
}


def pick(
    connection: Connection,
    topic: str,
    places: Iterable[Place],
    numbers: Iterable[int] | None = None,
) -> dict[Place, Message]:
    """Read the records at these places; where there is none, or no longer, it is left out.

    Args:
        connection: where Kafka is.
        topic: its name.
        places: in its partitions.
        numbers: of its partitions, for who knows them; else they are asked for.

    Raises:
        BrokerError: the broker cannot be reached, or sends nothing more.
        UsageError: there is no such topic.
    """
    known = set(partitions(connection, topic) if numbers is None else numbers)
    wanted: dict[int, list[int]] = {}
    for partition, offset in sorted(set(places)):
        wanted.setdefault(partition, []).append(offset)
    found: dict[Place, Message] = {}
    consumer = connection.consumer(**_CONSUMER)
    try:
        for partition in wanted.keys() & known:
            for message in _of(connection, consumer, (topic, partition), wanted[partition]):
                found[partition, message.offset() or 0] = message
    finally:
        consumer.close()
    return found


def since(connection: Connection, topic: str, time_ms: int) -> dict[int, int]:
    """The first offset of each partition whose record is of `time_ms` (ms since 1970) or later.

    A partition without such a record is left out.

    Raises:
        BrokerError: the broker cannot be reached.
        UsageError: there is no such topic.
    """
    asked = [TopicPartition(topic, number, time_ms) for number in partitions(connection, topic)]
    consumer = connection.consumer()
    try:
        found = consumer.offsets_for_times(asked, timeout=REACH_S)
        refuse_untold(found)
    except KafkaException as failure:
        raise connection.error(failure, f"topic {topic}", "Describe") from failure
    finally:
        consumer.close()
    return {place.partition: place.offset for place in found if place.offset >= 0}


def _of(
    connection: Connection, consumer: Consumer, place: tuple[str, int], offsets: Sequence[int]
) -> Iterator[Message]:
    """The records of a partition at these offsets, which rise; it waits while records come."""
    low, high = bounds(connection, consumer, *place)
    wanted = deque(offset for offset in offsets if low <= offset < high)
    at, heard = -1, monotonic()
    while wanted:
        if at < 0 or wanted[0] - at > NEAR:
            at = wanted[0]
            consumer.assign([TopicPartition(*place, at)])
        for message in drain(consumer, 0.2):
            read_to = _read_to(connection, message)
            if read_to > at or message.error() is None:
                at, heard = read_to, monotonic()
            while wanted and wanted[0] < read_to:
                offset = wanted.popleft()  # one passed over was compacted away, or is no record
                if message.error() is None and offset == read_to - 1:
                    yield message
        if wanted:
            refuse_silence(connection, place[0], heard)


def _read_to(connection: Connection, message: Message) -> int:
    """Up to where a partition is read with this message, which may say that it ends here."""
    error, offset = message.error(), message.offset() or 0
    if error is None:
        return offset + 1
    if error.code() == KafkaError._PARTITION_EOF:
        return offset
    if not error.retriable():
        raise connection.error(error, f"topic {message.topic()}", "Read")
    return -1
