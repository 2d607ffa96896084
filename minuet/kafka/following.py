"""Following a topic: what is written from a position on, for as long as one wants to look."""

from __future__ import annotations

from collections.abc import Generator, Mapping

from confluent_kafka import Consumer, Message, TopicPartition

from minuet.kafka.connection import Connection
from minuet.kafka.reading import drain


def follow(
    connection: Connection, topic: str, start: Mapping[int, int], *, wait_s: float = 0.1
) -> Generator[list[Message]]:
    """Yield what has come since the last time, for ever; an empty list when nothing has.

    Args:
        connection: where to read.
        topic: what to read.
        start: partition -> first offset.
        wait_s: how long one look waits at most.

    Raises:
        BrokerError: the broker refuses.
    """
    consumer = connection.consumer(**{"fetch.wait.max.ms": 50})
    try:
        consumer.assign([TopicPartition(topic, number, at) for number, at in start.items()])
        while True:
            yield _good(connection, consumer, wait_s)
    finally:
        consumer.close()


def _good(connection: Connection, consumer: Consumer, wait_s: float) -> list[Message]:
    messages = drain(consumer, wait_s)
    for message in messages:
        error = message.error()
        if error is not None and not error.retriable():
            raise connection.error(
                error, f"topic {message.topic()}" if message.topic() else "", "Read"
            )
    return [message for message in messages if message.error() is None]
