"""Where a bench runs: a broker that it starts for itself, and topics that nobody else has."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from minuet.bench.process import cpu_s
from minuet.dev import Broker
from minuet.dev.jars import Progress as Download
from minuet.kafka.connection import Connection


@dataclass(frozen=True)
class Place:
    """A broker, and the names of the topics made there.

    Args:
        connection: where Kafka is.
        broker_pid: 0 when it is not ours to know.
    """

    connection: Connection
    broker_pid: int = 0
    made: list[str] = field(default_factory=list)
    _tag: str = field(default_factory=lambda: uuid.uuid4().hex[:6])

    def fresh(self, label: str) -> str:
        """A name for topics that were never there before."""
        name = f"{label}-{self._tag}-{len(self.made) + 1}"
        self.made.append(name)
        return name

    def broker_cpu_s(self) -> float | None:
        """CPU time of the broker so far; None where it is not known."""
        return cpu_s(self.broker_pid) if self.broker_pid else None


@contextmanager
def own_broker(folder: Path, progress: Download = lambda *_: None) -> Iterator[Place]:
    """A broker in `folder`/.minuet/bench, gone afterwards with all its data."""
    broker = Broker(folder / ".minuet" / "bench")
    broker.reset()  # what an interrupted bench may have left
    try:
        bootstrap = broker.up(progress)
        yield Place(Connection(bootstrap), broker.status().pid)
    finally:
        broker.reset()


@contextmanager
def other_broker(connection: Connection) -> Iterator[Place]:
    """The broker that somebody typed; the bench's topics are deleted afterwards."""
    place = Place(connection)
    place.connection.reach()
    try:
        yield place
    finally:
        there = place.connection.reach().topics
        old = [topic for topic in there if any(f"{name}." in topic for name in place.made)]
        if old:
            admin = place.connection.admin()  # must outlive its answers: they are lost with it
            for done in admin.delete_topics(old).values():
                done.result()
