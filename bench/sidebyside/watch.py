"""The bench's own reader of a log: who has said what, and when by the broker's clock."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from bench.sidebyside.programs import wire
from bench.sidebyside.programs.events import ENDS
from minuet.errors import BrokerError
from minuet.event.record import TYPE
from minuet.kafka.connection import Connection

_BATCH = 10_000
_NAP_S = 0.02  # also how close CPU time is looked at
_JOIN_S = 30.0
BEGINS = "OrderPlaced"
STALLED_S = 60.0


class Watch:
    """Reads a log from its beginning; a context manager.

    Args:
        connection: where.
        topic: the log.
        enveloped: whether an event's type stands in a header, as Minuet writes it.

    Attributes:
        said: each record so far, as (saga, type), in the order they were read.
        ended: saga -> when its end was read, by this machine's clock.
        first_answer_ms, last_end_ms: when the broker took the first record that the contestant
            wrote, and the last first end of a saga; noughts before.
    """

    def __init__(self, connection: Connection, topic: str, enveloped: bool) -> None:
        self.said: list[tuple[str, str]] = []
        self.ended: dict[str, float] = {}
        self.first_answer_ms = self.last_end_ms = 0
        self._connection = connection
        self._topic = topic
        self._enveloped = enveloped
        self._consumer = connection.consumer(
            **{
                "group.id": f"sidebyside-{uuid.uuid4().hex[:8]}",
                "auto.offset.reset": "earliest",
                "socket.nagle.disable": True,
                "fetch.queue.backoff.ms": 1,
            }
        )

    def __enter__(self) -> Self:
        self._consumer.subscribe([self._topic])
        until = time.monotonic() + _JOIN_S
        while not self._consumer.assignment():
            self._take(self._consumer.poll(0.05))
            if time.monotonic() > until:
                message = f"Kafka gives {self._topic} to nobody"
                raise BrokerError(message)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._consumer.close()

    def until(
        self, done: Callable[[], bool], look: Callable[[], None], stalled_s: float = STALLED_S
    ) -> bool:
        """Read until `done`; false when nothing more was written for a while.

        Args:
            done: asked after each look at the log.
            look: called beside it; raises when there is no use in waiting.
            stalled_s: how long nothing may come.
        """
        heard = time.monotonic()
        while not done():
            messages = self._consumer.consume(_BATCH, 0)
            for message in messages:
                self._take(message)
            if messages:
                heard = time.monotonic()
            elif time.monotonic() - heard > stalled_s:
                return False
            look()
            time.sleep(_NAP_S)
        return True

    def end_of(self, saga: str, look: Callable[[], None], patience_s: float = STALLED_S) -> float:
        """Read one record at a time until that saga has ended; return when.

        Raises:
            BrokerError: it does not end.
        """
        until = time.monotonic() + patience_s
        while saga not in self.ended:
            self._take(self._consumer.poll(0.5))
            if time.monotonic() > until:
                look()
                message = f"{self._topic}: {saga} has not ended after {patience_s:.0f} s"
                raise BrokerError(message)
        return self.ended[saga]

    def rest(self, quiet_s: float = 0.5) -> None:
        """Read what is still there."""
        while (message := self._consumer.poll(quiet_s)) is not None:
            self._take(message)

    def _take(self, message: Any) -> None:
        if message is None:
            return
        if message.error() is not None:
            raise self._connection.error(message.error())
        saga, kind = message.key().decode(), self._type(message)
        self.said.append((saga, kind))
        _, at_ms = message.timestamp()
        if kind != BEGINS:
            self.first_answer_ms = min(self.first_answer_ms or at_ms, at_ms)
        if kind in ENDS and saga not in self.ended:
            self.ended[saga] = time.time()
            self.last_end_ms = max(self.last_end_ms, at_ms)

    def _type(self, message: Any) -> str:
        if self._enveloped:
            found: bytes = dict(message.headers() or ()).get(TYPE, b"")
            return found.decode()
        return wire.type_of(message.value())
