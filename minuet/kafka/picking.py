"""Picking single records of a topic by where they stand."""

from __future__ import annotations

from collections.abc import Iterable
from time import monotonic

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from minuet.kafka.connection import REACH_S, Connection
from minuet.kafka.reading import partitions

Place = tuple[int, int]  # partition, offset


def pick(connection: Connection, topic: str, places: Iterable[Place]) -> dict[Place, Message]:
    """Read the records at these places; where there is none, or no longer, it is left out.

    Raises:
        BrokerError: the broker cannot be reached.
        UsageError: there is no such topic.
    """
    known = set(partitions(connection, topic))
    found: dict[Place, Message] = {}
    consumer = connection.consumer(**{"fetch.wait.max.ms": 50})
    try:
        for partition, offset in sorted(set(places)):
            message = None
            if partition in known:
                message = _at(connection, consumer, TopicPartition(topic, partition, offset))
            if message is not None:
                found[partition, offset] = message
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
        raise connection.error(failure) from failure
    finally:
        consumer.close()
    return {place.partition: place.offset for place in found if place.offset >= 0}


def _at(connection: Connection, consumer: Consumer, place: TopicPartition) -> Message | None:
    """The record at a place; reading beyond the ends of a partition would wait for ever."""
    try:
        low, high = consumer.get_watermark_offsets(place, timeout=REACH_S)
    except KafkaException as failure:
        raise connection.error(failure) from failure
    if not low <= place.offset < high:
        return None
    consumer.assign([place])
    until = monotonic() + REACH_S
    while monotonic() < until:
        message = consumer.poll(0.2)
        if message is None:
            continue
        error = message.error()
        if error is not None and not error.retriable():
            raise connection.error(error)
        if error is None:
            return message if message.offset() == place.offset else None
    return None
