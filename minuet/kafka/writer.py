"""Appending to one topic: each record is acknowledged or fails, and its callback says which.

Nothing is dropped: a full queue is a `BufferError`, to be answered with `serve` and another try, as
`hand_over` does it.
Callbacks are called by `serve`, `flush` and `purge`, in whichever thread calls these.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message

from minuet.errors import BrokerError
from minuet.kafka.connection import Connection
from minuet.kafka.reasons import WRITE, describe

# As confluent-kafka names them; a list is invariant, so ours must be of its type.
Headers = list[tuple[str, str | bytes | None]]

_ROOM_S = 0.1

BY_KEY = -1  # librdkafka's word for "as the partitioner says"

_OF_ONE_RECORD = (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD)


class Place(NamedTuple):
    """Where an acknowledged record stands."""

    partition: int
    offset: int


class WriteError(BrokerError):
    """A record was not acknowledged.

    Args:
        message: names the broker, and why.
        reason: why, alone.
        alone: it is the record's fault; others may go through.
    """

    def __init__(self, message: str, reason: str, *, alone: bool = False) -> None:
        self.reason, self.alone = reason, alone
        super().__init__(message)


Done = Callable[[Place | WriteError], None]


class Writer:
    """Appends records to `topic`; `over` wins over the producer's defaults."""

    def __init__(self, connection: Connection, topic: str, **over: object) -> None:
        self.topic = topic
        self._connection = connection
        self._producer = connection.producer(**over)
        self._fatal: KafkaError | None = None

    def append(
        self, key: bytes, value: bytes, headers: Headers, done: Done, *, partition: int = BY_KEY
    ) -> None:
        """Hand a record over; `done` is called once, with its place or with what went wrong.

        Args:
            partition: for a saga that somebody put elsewhere than its key says.

        Raises:
            BufferError: the queue is full; `done` will not be called.
        """
        try:
            self._producer.produce(
                self.topic, value, key, partition, headers=headers,
                on_delivery=partial(self._acked, done),
            )  # fmt: skip
        except KafkaException as failure:
            if failure.args[0].code() == KafkaError._FATAL:
                self.serve(0)  # says why
            done(self._error(self._fatal or failure.args[0]))

    def hand_over(
        self, key: bytes, value: bytes, headers: Headers, done: Done, *, partition: int = BY_KEY
    ) -> None:
        """As `append`; while the queue is full, wait until what is done makes room."""
        while True:
            try:
                self.append(key, value, headers, done, partition=partition)
            except BufferError:  # make room, never drop
                self.serve(_ROOM_S)
            else:
                self.serve(0)
                return

    def serve(self, wait_s: float) -> None:
        """Call what is done; wait for something for at most so long."""
        try:
            self._producer.poll(wait_s)
        except KafkaException as failure:  # so a producer says that it can write nothing any more
            self._fatal = failure.args[0]
            self._producer.purge()  # each record is told to have failed

    def flush(self, wait_s: float = -1) -> int:
        """Wait until all is done, or for at most so long; return how many records are not."""
        until = math.inf if wait_s < 0 else monotonic() + wait_s
        while left := len(self._producer):
            if monotonic() >= until:
                return left
            # Not `flush`: it goes on to call what is done while an error is on its way out of it.
            self.serve(min(_ROOM_S, max(0.0, until - monotonic())))
        return 0

    def purge(self) -> None:
        """Give up what is not acknowledged; it may have been written all the same."""
        self._producer.purge()
        self.flush(1)

    def _acked(self, done: Done, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            done(self._error(self._fatal or error))
        else:
            done(Place(message.partition() or 0, message.offset() or 0))

    def _error(self, error: KafkaError) -> WriteError:
        text = str(self._connection.error(error, f"topic {self.topic}", WRITE))
        return WriteError(text, describe(error, WRITE), alone=error.code() in _OF_ONE_RECORD)
