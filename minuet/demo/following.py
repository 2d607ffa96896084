"""Follows several logs at once, until somebody has seen enough."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from minuet.demo.watching import Watch
from minuet.errors import MinuetError
from minuet.event.record import UnreadableHeaders
from minuet.kafka.connection import Connection
from minuet.kafka.following import follow
from minuet.kafka.offsets import watermarks
from minuet.kafka.reading import record_of

_STALLED_S = 60.0  # a step that is answered late is tried again after seconds
_WAIT_S = 0.05


class Tail:
    """What comes on the log of a workflow from now on.

    Args:
        connection: where Kafka is.
        watch: who takes it in.
    """

    def __init__(self, connection: Connection, watch: Watch) -> None:
        self._watch = watch
        self.topic = watch.spec.log_topic
        start = {n: high for n, (_, high) in watermarks(connection, self.topic).items()}
        self._batches = follow(connection, self.topic, start, wait_s=_WAIT_S)

    def take(self) -> bool:
        """Take in what has come; returns whether anything has."""
        messages = next(self._batches)
        for message in messages:
            try:
                self._watch.take(record_of(message), message.partition() or 0)
            except UnreadableHeaders:
                continue
        return bool(messages)

    def close(self) -> None:
        """Follow no more."""
        self._batches.close()


def follow_until(tails: Sequence[Tail], seen: Callable[[], bool]) -> None:
    """Take in what comes until `seen`, asked after each look, says that it is enough.

    Raises:
        MinuetError: nothing has come for long.
    """
    heard = time.monotonic()
    try:
        while not seen():
            if sum(tail.take() for tail in tails):  # each of them has its turn
                heard = time.monotonic()
            elif time.monotonic() - heard > _STALLED_S:
                names = " and ".join(tail.topic for tail in tails)
                message = f"nothing has come on {names} for {_STALLED_S:.0f} s"
                raise MinuetError(message)
    finally:
        for tail in tails:
            tail.close()
