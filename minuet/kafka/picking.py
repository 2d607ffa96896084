"""Picking single records of a topic by where they stand."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from time import monotonic

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from minuet.kafka.connection import REACH_S, Connection
from minuet.kafka.reading import drain, partitions

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
        BrokerError: the broker cannot be reached.
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
    except KafkaException as failure:
        raise connection.error(failure, f"topic {topic}", "Describe") from failure
    finally:
        consumer.close()
    return {place.partition: place.offset for place in found if place.offset >= 0}


def _of(
    connection: Connection, consumer: Consumer, place: tuple[str, int], offsets: Sequence[int]
) -> Iterator[Message]:
    """The records of a partition at these offsets, which rise."""
    try:
        low, high = consumer.get_watermark_offsets(TopicPartition(*place), timeout=REACH_S)
    except KafkaException as failure:
        raise connection.error(failure, f"topic {place[0]}", "Describe") from failure
    # reading beyond the ends of a partition would wait for ever
    wanted = deque(offset for offset in offsets if low <= offset < high)
    at, heard = -1, monotonic()
    while wanted and monotonic() - heard < REACH_S:
        if at < 0 or wanted[0] - at > NEAR:
            at, heard = wanted[0], monotonic()
            consumer.assign([TopicPartition(*place, at)])
        for message in drain(consumer, 0.2):
            if (error := message.error()) is not None and not error.retriable():
                raise connection.error(error, f"topic {place[0]}", "Read")
            offset = message.offset()
            if error is None and offset is not None:
                at, heard = offset + 1, monotonic()
                while wanted and wanted[0] < offset:
                    wanted.popleft()  # compacted away
                if wanted and wanted[0] == offset:
                    wanted.popleft()
                    yield message
