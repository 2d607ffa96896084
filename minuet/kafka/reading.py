"""Reading a topic to its end: each record that stood there when the read began, then stop.

The end is the high watermark taken first, reached when a record or an end-of-partition event
stands at it: offsets have gaps (compaction, transaction markers), so arithmetic on positions
would wait for records that do not exist.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from time import monotonic, sleep
from typing import cast

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from minuet.errors import BrokerError, UsageError
from minuet.event.rebuild import Rebuild, read
from minuet.event.record import Headers, Record, parse
from minuet.kafka.connection import REACH_S, Connection

_BATCH = 1000
_STALLED_S = 30.0  # without any record: an open transaction, or a broker that went away
_AGAIN_S = 0.05
_LEADERLESS = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)
_NO_TOPIC = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC)
_TROUBLED_S = 10.0  # as well, when a client has said that something is wrong


def partitions(connection: Connection, topic: str) -> list[int]:
    """The partition numbers of `topic`.

    Raises:
        BrokerError: the broker cannot be reached.
        UsageError: there is no such topic.
    """
    found = connection.reach(topic).topics[topic]
    if found.error is not None:
        if found.error.code() in _NO_TOPIC:
            raise missing(connection, topic)
        raise connection.error(found.error, f"topic {topic}", "Describe")
    return sorted(found.partitions)


def there(connection: Connection, topic: str) -> bool:
    """Whether there is such a topic.

    Raises:
        BrokerError: the broker cannot be reached.
    """
    found = connection.reach(topic).topics[topic].error
    return found is None or found.code() not in _NO_TOPIC


def missing(connection: Connection, topic: str) -> UsageError:
    """The error for a topic that is not there, with the command that makes it."""
    workflow = topic.rpartition(".")[0].rpartition(".")[2]  # behind a prefix
    mend = f"minuet topics apply {workflow if workflow != 'minuet' else 'WORKFLOW'}"
    return UsageError(f"there is no topic {topic} at {connection.bootstrap}: run `{mend}`")


def snapshot(
    connection: Connection,
    topic: str,
    start: Mapping[int, int] | None = None,
    until: Mapping[int, int] | None = None,
) -> Iterator[Message]:
    """Each record of `topic` up to the high watermark of now.

    Args:
        connection: where to read.
        topic: what to read.
        start: partition -> first offset; without it every partition from its beginning.
        until: partition -> the offset before which it ends, if that is earlier.

    Raises:
        BrokerError: the broker cannot be reached, or sends nothing more.
        UsageError: there is no such topic.
    """
    if start is None:
        start = dict.fromkeys(partitions(connection, topic), OFFSET_BEGINNING)
    consumer = connection.consumer(**{"enable.partition.eof": True})
    try:
        ends = _ends(connection, consumer, topic, start, until or {})
        consumer.assign([TopicPartition(topic, number, start[number]) for number in ends])
        heard = monotonic()
        while ends:
            messages = drain(consumer, 0.2)
            if messages:
                heard = monotonic()
            else:
                refuse_silence(connection, topic, heard)
            for message in messages:
                if _before_end(connection, message, ends):
                    yield message
    finally:
        consumer.close()


def refuse_silence(connection: Connection, topic: str, heard: float) -> None:
    """Give up, and say so, when a broker has sent nothing for long.

    Args:
        connection: where it is.
        topic: what is read.
        heard: when something last came, of the monotonic clock.

    Raises:
        BrokerError: it is so.
    """
    silent = monotonic() - heard
    if silent > _STALLED_S:
        text = f"{connection.name}: topic {topic} sent nothing for {_STALLED_S:.0f} s"
        raise BrokerError(text)
    if (why := connection.reason(heard)) and silent > _TROUBLED_S:
        text = f"{connection.name}: topic {topic} sends nothing more: {why}"
        raise BrokerError(text)


def drain(consumer: Consumer, wait_s: float) -> list[Message]:
    """Wait for a message, then take what is there; `consume` would wait for a whole batch."""
    first = consumer.poll(wait_s)
    found = [] if first is None else [first, *consumer.consume(_BATCH - 1, 0)]
    return [message for message in found if not is_of_group(message.error())]


def is_of_group(error: KafkaError | None) -> bool:
    """Whether it is about the right to a group: a reader that joins none needs no such right."""
    return error is not None and error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED


def record_of(message: Message) -> Record:
    """A message of a log as a record.

    Raises:
        UnreadableHeaders: it has no key, or no headers that can be read.
    """
    headers = cast("Headers", message.headers() or [])
    offset, (_, time) = message.offset() or 0, message.timestamp()
    return parse(message.key(), message.value(), headers, offset, time)


def rebuild_of(message: Message) -> Rebuild | None:
    """What a message of a log asks for, if it asks for a table made anew."""
    return read(message.key(), cast("list[tuple[str, bytes | None]] | None", message.headers()))


def _ends(
    connection: Connection,
    consumer: Consumer,
    topic: str,
    start: Mapping[int, int],
    until: Mapping[int, int],
) -> dict[int, int]:
    """Where each partition ends that has something to read."""
    ends = {}
    for number, first in start.items():
        _, high = bounds(connection, consumer, topic, number)
        end = min(high, until.get(number, high))
        if end > max(first, 0):
            ends[number] = end
    return ends


def bounds(connection: Connection, consumer: Consumer, topic: str, number: int) -> tuple[int, int]:
    """The first offset of a partition, and the next one to be written.

    Raises:
        BrokerError: the broker does not say.
    """
    until = monotonic() + REACH_S
    while True:
        try:
            return consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=REACH_S)
        except KafkaException as failure:
            # As of a topic that is new: its leader is named before it knows that it is one.
            if failure.args[0].code() not in _LEADERLESS or monotonic() > until:
                raise connection.error(failure, f"topic {topic}", "Describe") from failure
            sleep(_AGAIN_S)


def _before_end(connection: Connection, message: Message, ends: dict[int, int]) -> bool:
    """Whether it is a record from before the end; strikes a partition that is read."""
    error = message.error()
    at_end = error is not None and error.code() == KafkaError._PARTITION_EOF
    if error is not None and not at_end:
        raise connection.error(error, f"topic {message.topic()}" if message.topic() else "", "Read")
    number, offset = message.partition(), message.offset()
    end = ends.get(number) if number is not None else None
    if number is None or end is None or offset is None:
        return False
    if offset + (not at_end) >= end:
        del ends[number]
    return not at_end and offset < end
