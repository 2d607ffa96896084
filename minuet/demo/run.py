"""The demo, from topics to checks. The broker is the caller's affair."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from minuet.demo import ledger
from minuet.demo.publishing import Publishing, orders_of
from minuet.demo.result import Result
from minuet.demo.watching import Watch
from minuet.demo.workers import Workers
from minuet.engines.units import Units
from minuet.errors import MinuetError, UsageError
from minuet.event.record import Record, UnreadableHeaders
from minuet.kafka import topics
from minuet.kafka.connection import Connection
from minuet.kafka.following import follow
from minuet.kafka.offsets import watermarks
from minuet.kafka.reading import record_of
from minuet.spec.assemble import Workflow
from minuet.verify import verify

WORKERS = 2
_STALLED_S = 30.0


@dataclass(frozen=True)
class Options:
    """How the demo runs.

    Args:
        project: the folder that holds pyproject.toml.
        file: of orders.
        rate: orders in a second; 0 for as fast as it goes.
    """

    project: Path
    file: Path
    rate: int


class Stages(Protocol):
    """Who is told how far the demo is."""

    def stage(self, text: str) -> None:
        """Something begins."""

    def orders(self, begun: int, completed: int, compensated: int, total: int) -> None:
        """How far the orders are."""

    def verified(self, done: int, total: int) -> None:
        """How much of the log is verified."""


def demo(workflow: Workflow, connection: Connection, options: Options, stages: Stages) -> Result:
    """Run the demo on a broker that is up, and leave no worker behind.

    Raises:
        UsageError: there are no orders, or workers of the workflow run already.
        MinuetError: a worker ended, or nothing happens any more.
    """
    spec = workflow.spec
    run = secrets.token_hex(2)
    lines = orders_of(options.file, spec.key, run)
    stages.stage("making topics")
    topics.apply(connection, topics.plan(spec))
    _refuse_company(connection, spec.name)
    folder = _folder(options.project)
    file = folder / "ledger.sqlite"
    ledger.create(file)
    arguments = [spec.name, "--simulated", "--bootstrap", connection.bootstrap]
    watch = Watch(spec, run)
    environment = {ledger.VARIABLE: str(file)}
    with Workers(folder, options.project, arguments, WORKERS, environment) as workers:
        stages.stage(f"starting {WORKERS} workers")
        workers.wait_ready()
        stages.stage(f"publishing {len(lines):,} orders")
        publishing = Publishing(connection, workflow, lines, options.rate)
        _watch(connection, watch, publishing, workers, stages)
        stages.stage("stopping the workers")
    stages.stage("verifying: every row against the fold of the log")
    report = verify(connection, spec, stages.verified)
    seconds = watch.seconds
    return Result(
        run, connection.bootstrap, len(lines), round(seconds, 3),
        round(watch.ended / seconds, 1) if seconds else 0.0,
        watch.outcomes(), watch.examples, ledger.check(file, watch.effects), report,
    )  # fmt: skip


def _watch(
    connection: Connection, watch: Watch, publishing: Publishing, workers: Workers, stages: Stages
) -> None:
    """Publish, and look on until every order has ended."""
    topic = watch.topic
    start = {number: high for number, (_, high) in watermarks(connection, topic).items()}
    try:
        publishing.start()
        for records in _batches(connection, topic, start):
            watch.take(records)
            compensated = watch.ended - watch.completed
            stages.orders(watch.begun, watch.completed, compensated, publishing.total)
            if watch.ended >= publishing.total:
                return
            publishing.check()
            workers.check()
    finally:
        publishing.stop()


def _refuse_company(connection: Connection, workflow: str) -> None:
    """Refuse to run beside other workers: they would take orders, and keep another ledger."""
    if live := Units(connection, workflow).live():
        message = (
            f"{live[0].members} workers of group {live[0].group} are live at "
            f"{connection.bootstrap}: stop them first, the demo brings its own"
        )
        raise UsageError(message)


def _folder(project: Path) -> Path:
    """A new folder for the files of this run; those of the last are forgotten."""
    folder = project / ".minuet" / "demo"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _batches(
    connection: Connection, topic: str, start: dict[int, int]
) -> Iterator[Iterable[Record]]:
    """Follow the log; stop waiting when nothing has come for long."""
    heard = time.monotonic()
    for messages in follow(connection, topic, start):
        if messages:
            heard = time.monotonic()
        elif time.monotonic() - heard > _STALLED_S:
            message = f"nothing has come on {topic} for {_STALLED_S:.0f} s"
            raise MinuetError(message)
        records = []
        for each in messages:
            try:
                records.append(record_of(each))
            except UnreadableHeaders:
                continue
        yield records
