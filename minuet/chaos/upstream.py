"""An upstream service of a run under faults: publishes begin events at a steady pace."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from pathlib import Path

from minuet.errors import BrokerError
from minuet.event.model import Event
from minuet.kafka.connection import Connection
from minuet.publish import Publisher
from minuet.publish.publisher import Published
from minuet.spec.assemble import Workflow

_AGAIN_S = 0.5


class Upstream:
    """Publishes events under numbered ids, in a thread of its own; a context manager.

    What is acknowledged is written to a file, a line for each id, so that it outlives this process.

    Args:
        connection: where Kafka is.
        workflow: whose begin event they are.
        events: taken round and round.
        rate: so many in a second.
        acked: the file.
        first: number of the first id.
    """

    def __init__(
        self, connection: Connection, workflow: Workflow, events: Sequence[Event], rate: float,
        acked: Path, first: int,
    ) -> None:  # fmt: skip
        self.sent = first
        self._connection = connection
        self._workflow = workflow
        self._events = events
        self._rate = rate
        self._lock = threading.Lock()
        self._acked = acked.open("a", encoding="utf-8")
        self._stop = threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="minuet-upstream", daemon=True)

    def __enter__(self) -> Upstream:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._acked.close()

    def stop(self) -> None:
        """Publish no more, and wait until all is acknowledged or was not."""
        self._stop.set()
        self._thread.join()

    def check(self) -> None:
        """Raise what ended the publishing: a run without load shows nothing."""
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            self._publish_on()
        except Exception as error:  # told by `check`, on the thread that waits
            self._error = error

    def _publish_on(self) -> None:
        spec = self._workflow.spec
        model = self._workflow.models[spec.begins]
        while not self._stop.is_set():
            publisher = Publisher(
                spec.name, spec.key, model,
                bootstrap=self._connection.bootstrap, options=self._connection.options,
                prefix=spec.prefix,
            )  # fmt: skip
            # Which events were not acknowledged is known from the file: each may be on the log.
            with suppress(BrokerError), publisher:
                self._publish(publisher)
            self._stop.wait(_AGAIN_S)

    def _publish(self, publisher: Publisher) -> None:
        spec = self._workflow.spec
        began, first = time.monotonic(), self.sent
        while True:
            due = began + (self.sent - first) / self._rate
            if self._stop.wait(max(0.0, due - time.monotonic())):
                return
            key = f"chaos-{self.sent}"
            event = self._events[self.sent % len(self._events)]
            self.sent += 1
            sent = publisher.send(event.model_copy(update={spec.key: key}))
            sent.add_done_callback(partial(self._note, key))

    def _note(self, key: str, done: Future[Published]) -> None:
        if done.exception() is None:
            with self._lock:
                self._acked.write(f"{key}\n")
                self._acked.flush()
