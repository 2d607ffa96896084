"""A run of `orders` from outside: real worker processes, and an observer of the log.

Nothing here looks into a worker. What it did is read from the log, from the ledger that the
simulated services keep, and from `minuet verify`.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import Any, Self, cast

from confluent_kafka import OFFSET_BEGINNING, TopicPartition

from bench import effects
from minuet import Publisher
from minuet.errors import BrokerError
from minuet.event.record import Record
from minuet.kafka.connection import REACH_S, Connection
from minuet.kafka.patience import patiently
from minuet.kafka.reading import drain, record_of
from minuet.publish.publisher import Published
from schemas.orders import OrderPlaced
from streams.orders.simulated import SHELF, SHIPS_TO

ROOT = Path(__file__).parents[2]
PYPROJECT = """\
[tool.minuet.workflows.orders]
saga = "tests.integration.unhurried:orders"
steps = ["streams.orders"]
"""
PARTITIONS = 6
PATIENCE_S = 120.0  # until a test gives up; no bar
MORE = 300  # orders after it was said that it is enough
MOST = 99_999  # orders, by their numbers
ENDS = {"SagaCompleted", "SagaCompensated"}


def until(what: str, holds: Callable[[], object], patience_s: float = PATIENCE_S) -> None:
    """Wait for something that must become true."""
    deadline = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < deadline, f"{what}: not within {patience_s:.0f} s"
        time.sleep(0.01)


def make_orders(count: int) -> Iterator[OrderPlaced]:
    """Orders as in the shipped example, some of which fail at each step."""
    lines = (ROOT / "examples" / "orders.jsonl").read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(islice(cycle(lines), count), 1):
        order = OrderPlaced.model_validate_json(line)
        yield order.model_copy(update={"order_id": f"order-{number:05}"})


def should_complete(order: OrderPlaced) -> bool:
    """What the simulated services will say, in other words than theirs."""
    return (
        order.quantity <= SHELF
        and order.customer != "mallory"
        and order.card != "card-0002"
        and order.country in SHIPS_TO
    )


class Worker:
    """`minuet worker orders --simulated`, a process of its own."""

    def __init__(self, process: subprocess.Popen[bytes], said: Path) -> None:
        self.process = process
        self.was_told = False
        self._said = said

    @property
    def ready(self) -> bool:
        """Whether it has said so; a worker that ended instead fails the test."""
        assert self.process.poll() is None, self.said
        return any(line["state"] == "ready" for line in self._lines())

    @property
    def partitions(self) -> set[int]:
        """Which it had when it became ready."""
        return {p for line in self._lines() for p in line.get("partitions", ())}

    @property
    def said(self) -> str:
        """All that it printed."""
        return self._said.read_text(encoding="utf-8")

    def _lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.said.splitlines() if line.startswith("{")]

    def end(self, number: int) -> int:
        """Send a signal, wait, and return the exit code."""
        self.was_told = True
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


@dataclass
class Seen:
    """What the log says of one saga; times are the log's own, ms since 1970."""

    partition: int = -1
    begun: int = 0
    ended: int = 0
    outcome: str = ""
    answers: list[tuple[int, str]] = field(default_factory=list)


class Observer:
    """Reads the log of `orders` as it grows; a context manager."""

    def __init__(self, bootstrap: str) -> None:
        self.sagas: dict[str, Seen] = {}
        self._next = dict.fromkeys(range(PARTITIONS), 0)
        self._consumer = Connection(bootstrap).consumer()

    def __enter__(self) -> Self:
        self._consumer.assign(
            [TopicPartition("orders.events", n, OFFSET_BEGINNING) for n in range(PARTITIONS)]
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    @property
    def in_flight(self) -> int:
        """Sagas that have begun and not ended, as far as has been read."""
        self.look()
        return sum(1 for one in self.sagas.values() if one.begun and not one.ended)

    def in_flight_now(self) -> int:
        """So many once all is read that stood on the log when it was asked."""
        places = [TopicPartition("orders.events", number) for number in self._next]
        ends = {place.partition: patiently(partial(self._end, place)) for place in places}
        while any(self._next[number] < end for number, end in ends.items()):
            self.look()
        return self.in_flight

    def _end(self, place: TopicPartition) -> int:
        return self._consumer.get_watermark_offsets(place, timeout=REACH_S)[1]

    def have_begun(self, keys: set[str]) -> bool:
        """Whether all of these have."""
        self.look()
        return keys <= self.sagas.keys()

    def have_ended(self, keys: set[str]) -> bool:
        """Whether all of these have."""
        self.look()
        return all(key in self.sagas and self.sagas[key].ended for key in keys)

    def answered_since(self, moment: int, partitions: set[int]) -> list[int]:
        """When sagas that began after a moment had a first answer: not from who died then."""
        self.look()
        return sorted(
            one.answers[0][0]
            for one in self.sagas.values()
            if one.begun > moment and one.answers and one.partition in partitions
        )

    def look(self) -> None:
        """Read what is there."""
        while messages := drain(self._consumer, 0):
            for message in messages:
                assert message.error() is None or cast("Any", message.error()).retriable()
                if message.error() is None:
                    number = message.partition() or 0
                    if message.key():  # else it is a request for a table made anew
                        self._take(number, record_of(message))
                    self._next[number] = (message.offset() or 0) + 1

    def _take(self, partition: int, record: Record) -> None:
        one = self.sagas.setdefault(record.key, Seen())
        one.partition = partition
        if record.type == "OrderPlaced":
            one.begun = one.begun or record.time
        elif record.type in ENDS:
            one.ended, one.outcome = one.ended or record.time, one.outcome or record.type
        elif record.slot:
            one.answers.append((record.time, record.type))


class Upstream:
    """Publishes orders at a steady rate, in a thread of its own; a context manager.

    It goes on until it is told that it is enough: however slow the machine, there is work when
    something is done to the workers, and some begins after it.

    Args:
        least: so many orders are published in any case.
    """

    def __init__(self, bootstrap: str, least: int, per_s: int) -> None:
        self.orders: dict[str, OrderPlaced] = {}
        self._bootstrap = bootstrap
        self._least: float = least
        self._per_s = per_s
        self._sent: dict[str, Future[Published]] = {}
        self._told, self._stop = Flag(), Flag()
        self._thread = Thread(target=self._publish)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def finish(self) -> None:
        """Publish a few more, wait until all is acknowledged, or is not, and end."""
        self._least = max(self._least, len(self.orders) + MORE)
        self._told.set()
        until("all is published", lambda: not self._thread.is_alive())

    @property
    def acked(self) -> dict[str, OrderPlaced]:
        """The orders that were acknowledged."""
        assert not self._thread.is_alive()
        return {
            key: self.orders[key] for key, sent in self._sent.items() if sent.exception() is None
        }

    def _publish(self) -> None:
        publisher = Publisher("orders", "order_id", OrderPlaced, bootstrap=self._bootstrap)
        with suppress(BrokerError), publisher:  # which orders it is about, `acked` tells
            start = time.monotonic()
            for number, order in enumerate(make_orders(MOST)):
                enough = self._told.is_set() and number >= self._least
                pause = max(0.0, start + number / self._per_s - time.monotonic())
                if enough or self._stop.wait(pause):
                    break
                self.orders[order.order_id] = order
                self._sent[order.order_id] = publisher.send(order)


class OrdersRun:
    """A project with the workflow, its broker, its workers, and its ledger."""

    def __init__(self, folder: Path, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self._folder = folder
        self._ledger = folder / "ledger.sqlite"
        self.workers: list[Worker] = []
        (folder / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
        done = self._minuet("topics", "apply", "orders")
        assert done.returncode == 0, done.stderr

    def start(self, *more: str) -> Worker:
        """Start a worker, with more options perhaps; it is not ready yet."""
        said = self._folder / f"worker-{len(self.workers)}.log"
        with said.open("wb") as out:
            process = subprocess.Popen(
                self._command("worker", "orders", "--simulated", "--verbose", "--json", *more),
                env=self._environment(), stdout=out, stderr=subprocess.STDOUT,
            )  # fmt: skip
        self.workers.append(Worker(process, said))
        return self.workers[-1]

    def start_on_faust(self, *more: str) -> Worker:
        """Start a worker on Faust and wait until it is ready."""
        what = ["minuet.engines.faust", "orders", "--simulated", "--json", *more]
        worker = self.start_module(
            *what, "--bootstrap", self.bootstrap, "--project", str(self._folder)
        )
        until("the worker on Faust is ready", lambda: worker.ready)
        return worker

    def start_module(self, *command: str) -> Worker:
        """Start a worker of its own kind, in the project's folder."""
        said = self._folder / f"worker-{len(self.workers)}.log"
        with said.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", *command], cwd=self._folder, env=self._environment(),
                stdout=out, stderr=subprocess.STDOUT,
            )  # fmt: skip
        self.workers.append(Worker(process, said))
        return self.workers[-1]

    def start_ready(self, *more: str) -> Worker:
        """Start a worker and wait until it is."""
        worker = self.start(*more)
        until("the worker is ready", lambda: worker.ready)
        return worker

    def verify(self) -> dict[str, Any]:
        """What `minuet verify` says; it must say that all is well."""
        done = self._minuet("verify", "orders", "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def asked(self, *arguments: str) -> subprocess.Popen[str]:
        """Begin a command of `minuet`."""
        return subprocess.Popen(
            self._command(*arguments), env=self._environment(),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def effects(self) -> dict[str, dict[str, list[int]]]:
        """The ledger: order -> effect -> how often each of its keys was called."""
        connection = sqlite3.connect(self._ledger)
        rows = connection.execute("SELECT order_id, effect, calls FROM effects").fetchall()
        connection.close()
        found: dict[str, dict[str, list[int]]] = {}
        for order_id, effect, calls in rows:
            found.setdefault(order_id, {}).setdefault(effect, []).append(calls)
        return found

    def put_to_sleep(self, worker: Worker) -> None:
        """Stop it, but not while it writes to the ledger: its lock would hold up everybody."""
        while True:
            worker.process.send_signal(signal.SIGSTOP)
            _, status = os.waitpid(worker.process.pid, os.WUNTRACED)
            assert os.WIFSTOPPED(status)
            if self.ledger_is_free():
                return
            worker.process.send_signal(signal.SIGCONT)
            time.sleep(0.01)

    def ledger_is_free(self) -> bool:
        """Whether nobody holds a lock on the ledger right now."""
        connection = sqlite3.connect(self._ledger, timeout=0, isolation_level=None)
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            return False
        else:
            connection.execute("ROLLBACK")
            return True
        finally:
            connection.close()

    def close(self) -> None:
        """Kill what still runs."""
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.process.kill()
                worker.process.wait()

    def _minuet(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._command(*arguments), env=self._environment(), capture_output=True, text=True,
            timeout=PATIENCE_S, check=False,
        )  # fmt: skip

    def _command(self, *arguments: str) -> list[str]:
        where = ["--bootstrap", self.bootstrap, "--project", str(self._folder)]
        return [sys.executable, "-m", "minuet", *arguments, *where]

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(ROOT), effects.VARIABLE: str(self._ledger)}


@contextmanager
def orders_run(folder: Path, bootstrap: str) -> Iterator[OrdersRun]:
    """A run that leaves no process behind."""
    run = OrdersRun(folder, bootstrap)
    try:
        yield run
    finally:
        run.close()
