"""The bench's own reader: sees on the log itself when each saga has ended."""

from __future__ import annotations

import time
import uuid
from typing import Any

from minuet.bench.stages import Progress
from minuet.errors import BrokerError
from minuet.event.record import TYPE
from minuet.kafka.connection import Connection

_ENDS = (b"SagaCompleted", b"SagaCompensated")
_NAP_S = 0.005  # between two looks at a log that fills at 20,000 records/s
_BATCH = 10_000
STALLED_S = 30.0


class Ends:
    """Reads a log from its beginning; a context manager.

    Attributes:
        records: read so far, of every kind.
        ended: saga id -> when its end event was read.
        outcomes: end event -> how many sagas.
        doubled: end events of sagas that had ended.
    """

    def __init__(self, connection: Connection, topic: str) -> None:
        self.records = 0
        self.ended: dict[bytes, float] = {}
        self.outcomes: dict[str, int] = {}
        self.doubled = 0
        self._connection = connection
        self._topic = topic
        self._consumer = connection.consumer(
            **{
                "group.id": f"minuet-bench-{uuid.uuid4().hex[:8]}",
                "auto.offset.reset": "earliest",
                "socket.nagle.disable": True,
                "fetch.queue.backoff.ms": 1,
            }
        )

    def __enter__(self) -> Ends:
        self._consumer.subscribe([self._topic])
        until = time.monotonic() + STALLED_S
        while not self._consumer.assignment():
            self._take(self._consumer.poll(0.05))
            if time.monotonic() > until:
                message = f"Kafka at {self._connection.bootstrap} gives {self._topic} to nobody"
                raise BrokerError(message)
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def until(self, count: int, progress: Progress = lambda _: None) -> float:
        """Read until so many sagas have ended; return when the last one did.

        Raises:
            BrokerError: nothing more comes.
        """
        heard = time.monotonic()
        while len(self.ended) < count:
            messages = self._consumer.consume(_BATCH, 0)
            if messages:
                heard = time.monotonic()
                now = time.time()
                for message in messages:
                    self._take(message, now)
                progress(len(self.ended))
            elif time.monotonic() - heard > STALLED_S:
                raise self._stalled(count)
            time.sleep(_NAP_S)
        return max(self.ended.values(), default=time.time())

    def wait(self, wait_s: float) -> bytes | None:
        """Read one record, waiting for it; return the saga's id when it is an end event."""
        message = self._consumer.poll(wait_s)
        return None if message is None else self._take(message)

    def wait_for(self, key: bytes, patience_s: float = STALLED_S) -> float:
        """Read, one record at a time, until this saga has ended; return when."""
        until = time.monotonic() + patience_s
        while key not in self.ended:
            self.wait(0.5)
            if time.monotonic() > until:
                raise self._stalled(len(self.ended) + 1)
        return self.ended[key]

    def _take(self, message: Any, now: float = 0.0) -> bytes | None:
        if message is None:
            return None
        if message.error() is not None:
            raise self._connection.error(message.error())
        self.records += 1
        kind: bytes = dict(message.headers() or ()).get(TYPE, b"")
        if kind not in _ENDS:
            return None
        key: bytes = message.key()
        if key in self.ended:
            self.doubled += 1
            return None
        self.ended[key] = now or time.time()
        name = kind.decode()
        self.outcomes[name] = self.outcomes.get(name, 0) + 1
        return key

    def _stalled(self, count: int) -> BrokerError:
        message = (
            f"{self._topic}: {len(self.ended)} of {count} sagas have ended, and nothing more was "
            f"written for {STALLED_S:.0f} s"
        )
        return BrokerError(message)
