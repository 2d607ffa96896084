"""Asking a broker that has no answer yet, as while leaders move or a topic is new."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException, TopicPartition

T = TypeVar("T")

PATIENCE_S = 15.0
AWAY_S = 60.0  # for a worker, whose broker may just be started again
FORBIDDEN = frozenset(  # to ask again changes nothing: somebody must give the right
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    }
)


def patiently(
    ask: Callable[[], T], patience_s: float = PATIENCE_S, ends: Callable[[], bool] = lambda: False
) -> T:
    """Ask again and again for a while.

    Args:
        ask: for something.
        patience_s: for how long.
        ends: whether nobody waits for the answer any more.

    Raises:
        KafkaException: there was no answer in all that time, or a right is missing.
    """
    until = time.monotonic() + patience_s
    while True:
        try:
            return ask()
        except KafkaException as failure:
            if failure.args[0].code() in FORBIDDEN:
                raise
            if time.monotonic() > until or ends():
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
