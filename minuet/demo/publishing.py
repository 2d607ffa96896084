"""Puts the orders of a file on the log, under ids of this run, at an even pace."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from minuet.contracts.codec import Codec
from minuet.errors import MinuetError, UsageError
from minuet.kafka.connection import Connection
from minuet.kafka.registries import registry_of
from minuet.kafka.writer import Writer
from minuet.publish.batch import SETTINGS, Batch
from minuet.publish.envelope import Envelope
from minuet.publish.rejects import Rejects
from minuet.publish.source import Row, read_json_lines
from minuet.spec.assemble import Workflow


def orders_of(file: Path, key: str, run: str) -> list[bytes]:
    """Return the lines of `file`, `run` put before each id, so that a second run begins anew.

    Raises:
        UsageError: there is no such file, or it does not hold JSON lines with the key.
    """
    try:
        text = file.read_text(encoding="utf-8")
        read = [json.loads(line) for line in text.splitlines() if line.strip()]
        return [json.dumps({**order, key: f"{run}-{order[key]}"}).encode() for order in read]
    except OSError as error:
        message = f"{file}: {error.strerror}; the demo publishes the orders in it"
        raise UsageError(message) from error
    except (ValueError, KeyError, TypeError) as error:
        message = f"{file}: not JSON lines with the field {key!r}"
        raise UsageError(message) from error


class Publishing:
    """Publishes in the background.

    Args:
        connection: where Kafka is.
        workflow: whose begin event the lines are.
        lines: JSON.
        rate: lines in a second; 0 for as fast as it goes.
    """

    def __init__(
        self, connection: Connection, workflow: Workflow, lines: list[bytes], rate: int
    ) -> None:
        self.total = len(lines)
        spec = workflow.spec
        model = workflow.models[spec.begins]
        codec = Codec([model], registry_of(connection, spec.schema_topic))
        codec.register()
        envelope = Envelope(spec.name, spec.key, [model], codec)
        self._rejects = Rejects()
        self._writer = Writer(connection, spec.log_topic, **{**SETTINGS, "linger.ms": 0})
        self._batch = Batch(envelope, self._writer, self._rejects)
        self._rows = read_json_lines(io.BytesIO(b"\n".join(lines)), model)
        self._rate = rate
        self._stopped = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="minuet-demo-publish", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Publish no more."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(10)

    def check(self) -> None:
        """Raise what went wrong so far.

        Raises:
            MinuetError: an order was refused, or not acknowledged.
        """
        if self._error is not None:
            raise self._error
        if shown := self._rejects.shown:
            message = f"order {shown[0].line} could not be published: {shown[0].reason}"
            raise MinuetError(message)

    def _run(self) -> None:
        try:
            self._batch.run(self._paced())
        except Exception as error:  # told by `check`, on the thread that waits
            self._error = error

    def _paced(self) -> Iterator[Row]:
        """The rows at an even pace, which begins when the first one is acknowledged.

        An idempotent producer takes half a second to begin; what came meanwhile would go out at
        once, as a burst that nobody asked for.
        """
        began = 0.0
        for number, row in enumerate(self._rows):
            if number == 1:
                self._writer.flush()
                began = time.monotonic()
            wait = began + number / self._rate - time.monotonic() if self._rate and number else 0
            if self._stopped.wait(max(wait, 0)) if wait > 0 else self._stopped.is_set():
                return
            yield row
