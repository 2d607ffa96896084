"""Where a topic begins and ends, and how far a group has come.

Groups are asked by a consumer that never joins them. The admin client's calls for it must not be
used: while a group's coordinator loads or moves, librdkafka 2.16 takes the process down with it
(`rd_kafka_handle_OffsetFetch` speaks to a consumer group that an admin client has not).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from confluent_kafka import KafkaException, TopicPartition

from minuet.kafka.connection import REACH_S, Connection
from minuet.kafka.patience import patiently
from minuet.kafka.reading import bounds, partitions


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
        raise connection.error(failure, f"group {group}") from failure


def positions_of(
    connection: Connection, group: str, places: Sequence[TopicPartition]
) -> dict[int, int]:
    """The position of `group` in each of these partitions where it has committed one.

    Raises:
        KafkaException: there is no answer, or a refusal.
    """
    consumer = connection.consumer(**{"group.id": group})
    try:
        found = consumer.committed(list(places), timeout=REACH_S)
    finally:
        consumer.close()
    for place in found:
        if place.error is not None:
            raise KafkaException(place.error)
    return {place.partition: place.offset for place in found if place.offset >= 0}


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
        raise connection.error(failure, f"group {group}") from failure
    finally:
        consumer.close()
