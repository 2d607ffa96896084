"""A small project in which a parcel can be refused, and its stamp is then given back."""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from minuet.inspection.rows import log_offset, stored
from minuet.kafka.connection import Connection
from minuet.kafka.following import follow
from minuet.kafka.offsets import committed, watermarks
from minuet.kafka.reading import record_of
from tests.integration.parcels import PATIENCE_S, Parcels

WORKFLOW = """\
from pathlib import Path
from threading import Event as Never

from minuet import Context, Event, GiveUp, Request, Saga, Undo, step


class ParcelSent(Event):
    parcel_id: str
    kilos: int


class StampBought(Event):
    price: int


class ParcelArrived(Event):
    parcel_id: str


class ParcelRefused(Event):
    reason: str


class RefundStamp(Request):
    price: int


class StampRefunded(Event):
    price: int


class Post:
    def sell(self, kilos: int, key: str) -> int:
        if not kilos:
            raise GiveUp("nothing to send")
        if kilos < 0:
            Path("stuck").touch()
            Never().wait()
        return 2 * kilos


@step
def buy_stamp(sent: ParcelSent, post: Post, ctx: Context) -> StampBought:
    return StampBought(price=post.sell(sent.kilos, ctx.idempotency_key))


@step
def deliver_parcel(stamp: StampBought, sent: ParcelSent) -> ParcelArrived | ParcelRefused:
    if sent.kilos > 10:
        return ParcelRefused(reason=f"{sent.kilos} kg")
    return ParcelArrived(parcel_id=sent.parcel_id)


@step
def refund_stamp(request: RefundStamp) -> StampRefunded:
    return StampRefunded(price=request.price)


parcels = Saga(
    "NAME",
    key="parcel_id",
    begins=ParcelSent,
    completes=ParcelArrived,
    fails=(ParcelRefused,),
    undo=(Undo(StampBought, RefundStamp, StampRefunded),),
    partitions=PARTITIONS,
)
parcels.provide(Post, simulated=Post)
"""
ENDS = ("SagaCompleted", "SagaCompensated", "StepGaveUp")


class Refusals(Parcels):
    """The project; a parcel is refused over 10 kg, one of 0 kg waits for a person.

    One of less than that hangs for ever.
    """

    def write(self, *, partitions: int) -> None:
        """Write the workflow."""
        text = WORKFLOW.replace("NAME", self.name).replace("PARTITIONS", str(partitions))
        self._module.write_text(text)

    def apply(self) -> None:
        """Make the topics."""
        code, _, errors = self.typed("topics", "apply", self.name)
        assert code == 0, errors

    def publish(self, **kilos: int) -> None:
        """Send parcels by their ids."""
        lines = [json.dumps({"parcel_id": name, "kilos": each}) for name, each in kilos.items()]
        text = "\n".join(lines).encode()
        code, _, errors = self.typed("publish", self.name, "ParcelSent", text=text)
        assert code == 0, errors

    @contextmanager
    def worker(self, *arguments: str) -> Iterator[Worker]:
        """Run `minuet worker`, and stop it at the end."""
        process = self.start("worker", self.name, "--json", *arguments)
        worker = Worker(process)
        try:
            yield worker
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.stdout = None  # the worker's thread reads it, and nobody beside it
            process.communicate(timeout=PATIENCE_S)
            worker.end()

    def ended(self, count: int) -> None:
        """Wait until so many parcels have ended, or wait for a person, and the table has it."""
        place = Connection(self.bootstrap)
        start = {number: low for number, (low, _) in watermarks(place, self.topic).items()}
        found: dict[str, int] = {}
        for messages in follow(place, self.topic, start):
            records = [record_of(message) for message in messages if message.key()]
            found |= {record.key: record.offset for record in records if record.type in ENDS}
            if len(found) >= count:
                break
        deadline = time.monotonic() + PATIENCE_S
        while not self._stored(place, found):
            assert time.monotonic() < deadline, "the table stays behind the log"
            time.sleep(0.1)

    def folded(self) -> None:
        """Wait until the worker has stored its position behind all that stands on the log."""
        place = Connection(self.bootstrap)
        ends = {number: high for number, (_, high) in watermarks(place, self.topic).items()}
        deadline = time.monotonic() + PATIENCE_S
        while any(
            committed(place, self.topic.removesuffix(".events"), self.topic).get(n, 0) < ends[n]
            for n in ends
        ):
            assert time.monotonic() < deadline, "the position stays behind the log"
            time.sleep(0.1)

    def _stored(self, place: Connection, ends: dict[str, int]) -> bool:
        rows = stored(place, f"{self.topic.removesuffix('events')}sagas")
        return all(key in rows and log_offset(rows[key].row) >= ends[key] for key in ends)


class Worker:
    """A running `minuet worker --json`: what it says, line by line."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._lines: queue.Queue[bytes] = queue.Queue()
        assert process.stdout
        self._out = process.stdout
        self._reader = threading.Thread(target=self._read, args=(self._out,), daemon=True)
        self._reader.start()

    def _read(self, stream: IO[bytes]) -> None:
        for line in stream:
            self._lines.put(line)

    def says(self, state: str) -> dict[str, Any]:
        """Wait until it says that; anything else before is an error, but that it waits."""
        line: dict[str, Any] = {"state": "waiting"}
        while line["state"] == "waiting":  # for its share of the partitions, on a busy machine
            line = json.loads(self._lines.get(timeout=PATIENCE_S))
        assert line["state"] == state, line
        return line

    def said(self) -> list[dict[str, Any]]:
        """Everything that it has said, and that nobody waited for."""
        lines = []
        while not self._lines.empty():
            lines.append(json.loads(self._lines.get()))
        return lines

    def end(self) -> None:
        """Stop it, and close its output."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        self._out.close()

    def stop(self, number: signal.Signals) -> int:
        """Send it a signal; return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)
