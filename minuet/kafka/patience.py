"""Asking a broker that has no answer yet, as while leaders move or a topic is new."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException, TopicPartition

T = TypeVar("T")

PATIENCE_S = 15.0
FORBIDDEN = frozenset(  # to ask again changes nothing: somebody must give the right
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    }
)


def patiently(ask: Callable[[], T]) -> T:
    """Ask again and again for a while.

    Raises:
        KafkaException: there was no answer in all that time, or a right is missing.
    """
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return ask()
        except KafkaException as failure:
            if failure.args[0].code() in FORBIDDEN:
                raise
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def refuse_untold(places: Iterable[TopicPartition]) -> None:
    """Refuse an answer that leaves out a partition, whose offset is then no offset.

    Raises:
        KafkaException: what the broker says of that partition.
    """
    for place in places:
        if place.error is not None:
            raise KafkaException(place.error)
