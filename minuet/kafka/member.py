"""A member of a group that reads topics on from where the group is, and commits when it is told.

A partition without a position is read from where it begins: nothing is passed over.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from minuet.kafka.connection import REACH_S, Connection
from minuet.kafka.membership import Membership
from minuet.kafka.patience import AWAY_S, patiently, refuse_untold
from minuet.kafka.raw import Raw, raw_of
from minuet.kafka.reasons import describe, lasts

_LOG = logging.getLogger("minuet.kafka")

_MEMBER: Mapping[str, object] = {
    "session.timeout.ms": 10_000,  # after which another member takes over from one that died
    "heartbeat.interval.ms": 1_000,
}

_MOST = 1_000  # records at once
_FINAL = frozenset({
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC,
    KafkaError.OFFSET_OUT_OF_RANGE,
    KafkaError._AUTO_OFFSET_RESET,  # records were deleted before they were read: begun again, told
})  # fmt: skip


class Member:
    """Reads topics as a member of a group.

    Args:
        connection: where Kafka is.
        group: its name.
        topics: what to read.
        leaving: called before partitions are given back: what is done is committed there.
        joined: told how many partitions it has, whenever it is given some.
        anew: told of a topic that ends before the group's position: which, the partition, the
            position, and its end; what it raises ends the reading.
    """

    def __init__(
        self,
        connection: Connection,
        group: str,
        topics: Iterable[str],
        *,
        leaving: Callable[[], None],
        joined: Callable[[int], None],
        anew: Callable[[str, int, int, int], None],
    ) -> None:
        self._connection, self._group = connection, group
        self._leaving, self._joined, self._anew = leaving, joined, anew
        self._membership = Membership(connection, group)
        self._consumer = connection.consumer(**{"group.id": group, **_MEMBER})
        self._consumer.subscribe(list(topics), on_assign=self._assigned, on_revoke=self._revoked)

    def read(self, wait_s: float) -> list[tuple[str, Raw]]:
        """Return what has come, each record with its topic; wait so long for the first.

        Raises:
            BrokerError: Kafka refuses, or the group lost this member for good.
        """
        self._membership.check(self._consumer)
        first = self._consumer.poll(wait_s)
        found = []
        for message in [] if first is None else [first, *self._consumer.consume(_MOST - 1, 0)]:
            topic, error = message.topic() or "", message.error()
            if error is None:
                found.append((topic, raw_of(message)))
            elif error.code() in _FINAL or lasts(error):
                about = f"topic {topic}" if topic else f"group {self._group}"
                raise self._connection.error(error, about)
            else:
                _LOG.info("group %s: %s", self._group, describe(error))
        return found

    def commit(self, positions: Mapping[tuple[str, int], int]) -> None:
        """Set the group's position in these partitions; when it cannot, they are read again."""
        places = [TopicPartition(topic, number, at) for (topic, number), at in positions.items()]
        try:
            self._consumer.commit(offsets=places, asynchronous=False)
        except KafkaException as failure:  # as when they were given to another member
            _LOG.info("group %s: not committed: %s", self._group, failure.args[0].str())

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()

    def _revoked(self, _: Consumer, __: list[TopicPartition]) -> None:
        self._leaving()

    def _assigned(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        try:
            known = patiently(lambda: _committed(consumer, places), AWAY_S)
        except KafkaException as failure:
            raise self._connection.error(failure, f"group {self._group}") from failure
        consumer.assign([self._start(consumer, place) for place in known])
        self._joined(len(places))

    def _start(self, consumer: Consumer, place: TopicPartition) -> TopicPartition:
        topic, number = place.topic, place.partition
        try:
            low, high = patiently(
                lambda: consumer.get_watermark_offsets(place, timeout=REACH_S), AWAY_S
            )
        except KafkaException as failure:
            raise self._connection.error(failure, f"topic {topic}", "Describe") from failure
        at = place.offset if place.offset >= 0 else low
        if at > high:
            self._anew(topic, number, at, high)
            at = low
        if at < low:
            text = "%s: partition %d has lost %d records before group %s read them"
            _LOG.error(text, topic, number, low - at, self._group)
        return TopicPartition(topic, number, max(at, low))


def _committed(consumer: Consumer, places: list[TopicPartition]) -> list[TopicPartition]:
    """The group's positions; one that is not told is not taken for one that there is not."""
    found = consumer.committed(places, timeout=REACH_S)
    refuse_untold(found)
    return found
