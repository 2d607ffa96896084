"""Where partitions stand that are given to a member: what is committed, and where the log ends."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from minuet.engines.log import Position
from minuet.kafka.connection import REACH_S, Connection
from minuet.kafka.offsets import positions_of

_LOG = logging.getLogger("minuet.worker")


def standing(
    connection: Connection, reads_from: str, places: Sequence[TopicPartition], consumer: Consumer
) -> dict[int, Position]:
    """Return where reading begins, and where the log ends, in each of these partitions of it.

    Args:
        connection: where Kafka is.
        reads_from: the group whose commits say where reading begins.
        places: topic and partition of each.
        consumer: asked how far the log goes.

    Raises:
        KafkaException: there is no answer, or a refusal.
    """
    if not places:
        return {}  # a member more than there are partitions
    committed = positions_of(connection, reads_from, places)
    positions = {}
    for place in places:
        low, high = consumer.get_watermark_offsets(place, timeout=REACH_S)
        start = committed.get(place.partition, OFFSET_BEGINNING)
        if start != OFFSET_BEGINNING and not low <= start <= high:
            text = "partition %s: position %s is not in the log, which has %s to %s: read anew"
            _LOG.warning(text, place.partition, start, low, high)
        positions[place.partition] = Position(start if low <= start <= high else low, high)
    return positions


def standing_with_open(
    connection: Connection, reads_from: str, places: Sequence[TopicPartition]
) -> dict[int, Position]:
    """Return the same, where the end is that of what is open in somebody's transaction too.

    A reader of committed records is told where the first open one begins. An owner of before may
    have gone on from its own records behind that.

    Raises:
        KafkaException: there is no answer, or a refusal.
    """
    reader = connection.consumer(**{"isolation.level": "read_uncommitted"})
    try:
        return standing(connection, reads_from, places, reader)
    finally:
        reader.close()
