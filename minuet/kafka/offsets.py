"""Where a topic begins and ends, and how far a group has come.

Groups are asked by a consumer that never joins them. The admin client's calls for it must not be
used: while a group's coordinator loads or moves, librdkafka 2.16 takes the process down with it
(`rd_kafka_handle_OffsetFetch` speaks to a consumer group that an admin client has not).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from minuet.kafka.connection import REACH_S, Connection
from minuet.kafka.patience import patiently, refuse_untold
from minuet.kafka.reading import bounds, is_of_group, partitions

_FIRST_S = 1.0  # a group that may not be used never answers


def watermarks(
    connection: Connection, topic: str, numbers: Iterable[int] | None = None
) -> dict[int, tuple[int, int]]:
    """The first offset of each partition of `topic`, and the next one to be written.

    Args:
        connection: where Kafka is.
        topic: its name.
        numbers: of its partitions, for who knows them; else they are asked for.

    Raises:
        BrokerError: the broker cannot be reached.
        UsageError: there is no such topic.
    """
    numbers = partitions(connection, topic) if numbers is None else numbers
    consumer = connection.consumer()
    try:
        return {number: bounds(connection, consumer, topic, number) for number in numbers}
    finally:
        consumer.close()


def committed(connection: Connection, group: str, topic: str) -> dict[int, int]:
    """The position of `group` in each partition of `topic` where it has committed one.

    Raises:
        BrokerError: the broker cannot be reached.
        UsageError: there is no such topic.
    """
    places = [TopicPartition(topic, number) for number in partitions(connection, topic)]
    try:
        return patiently(lambda: positions_of(connection, group, places))
    except KafkaException as failure:
        raise connection.error(failure, f"group {group}", "Describe") from failure


def positions_of(
    connection: Connection, group: str, places: Sequence[TopicPartition]
) -> dict[int, int]:
    """The position of `group` in each of these partitions where it has committed one.

    Raises:
        KafkaException: there is no answer, or a refusal.
    """
    consumer = connection.consumer(**{"group.id": group})
    try:
        found = _positions(consumer, list(places))
    finally:
        consumer.close()
    refuse_untold(found)
    return {place.partition: place.offset for place in found if place.offset >= 0}


def _positions(consumer: Consumer, places: list[TopicPartition]) -> list[TopicPartition]:
    """Ask for positions; whose right to the group is missing is told so only by a poll."""
    waits = (_FIRST_S, REACH_S - _FIRST_S)
    for wait_s in waits:
        try:
            return consumer.committed(places, timeout=wait_s)
        except KafkaException as failure:
            told = consumer.poll(0)
            error = told.error() if told is not None else None
            if is_of_group(error):
                raise KafkaException(error) from failure
            late = failure.args[0].code() == KafkaError._TIMED_OUT
            if not late or wait_s == waits[-1]:
                raise
    raise AssertionError


def commit(connection: Connection, group: str, topic: str, positions: Mapping[int, int]) -> None:
    """Set the position of a `group` without members in partitions of `topic`.

    Raises:
        BrokerError: the broker cannot be reached, or refuses.
    """
    places = [TopicPartition(topic, number, offset) for number, offset in positions.items()]
    consumer = connection.consumer(**{"group.id": group})
    try:
        patiently(lambda: consumer.commit(offsets=places, asynchronous=False))
    except KafkaException as failure:
        raise connection.error(failure, f"group {group}", "Read") from failure
    finally:
        consumer.close()
