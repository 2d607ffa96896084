"""Where a topic begins and ends, and how far a group has come."""

from __future__ import annotations

from collections.abc import Mapping

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition

from minuet.kafka.connection import REACH_S, Connection
from minuet.kafka.reading import bounds, partitions


def watermarks(connection: Connection, topic: str) -> dict[int, tuple[int, int]]:
    """The first offset of each partition of `topic`, and the next one to be written.

    Raises:
        BrokerError: the broker cannot be reached.
        UsageError: there is no such topic.
    """
    numbers = partitions(connection, topic)
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
    admin = connection.admin()  # must outlive its answers: they are lost with it
    asked = [ConsumerGroupTopicPartitions(group, places)]
    try:
        answers = admin.list_consumer_group_offsets(asked, request_timeout=REACH_S)
        found = answers[group].result(REACH_S).topic_partitions or []
    except KafkaException as failure:
        raise connection.error(failure, f"group {group}") from failure
    return {place.partition: place.offset for place in found if place.offset >= 0}


def commit(connection: Connection, group: str, topic: str, positions: Mapping[int, int]) -> None:
    """Set the position of a `group` without members in partitions of `topic`.

    Raises:
        BrokerError: the broker cannot be reached, or refuses.
    """
    places = [TopicPartition(topic, number, offset) for number, offset in positions.items()]
    admin = connection.admin()  # must outlive its answers: they are lost with it
    asked = [ConsumerGroupTopicPartitions(group, places)]
    try:
        answers = admin.alter_consumer_group_offsets(asked, request_timeout=REACH_S)
        answers[group].result(REACH_S)
    except KafkaException as failure:
        raise connection.error(failure) from failure
