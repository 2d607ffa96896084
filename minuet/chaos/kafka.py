"""The Kafka of a run under faults, one broker or several nodes, and what is done to it."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol

from minuet.chaos.proxy import Proxy
from minuet.dev import Broker, network
from minuet.dev.cluster import Cluster
from minuet.kafka.connection import Connection


class Hit(NamedTuple):
    """What was hit, in words, and how it is mended."""

    what: str
    mend: Callable[[], object]


class Kafka(Protocol):
    """What faults can be made to."""

    def hit(self, kind: str, dice: random.Random) -> Hit | None:
        """Kill or pause a broker; None when none runs."""

    def whole(self) -> bool:
        """Whether nothing is missing that was there before the last hit."""


class Alone:
    """One broker: while it is down there is none."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def hit(self, kind: str, dice: random.Random) -> Hit | None:
        """Kill it or pause it."""
        del dice
        status = self._broker.status()
        pid, port = status.pid, int((status.bootstrap or ":0").rpartition(":")[2])
        if not pid:
            return None
        # It comes back where the workers look for it.
        mend = _hit(kind, pid, partial(self._broker.up, port=port))
        return Hit(f"the broker, process {pid}", mend)

    def whole(self) -> bool:
        """Whether it is up; it is once it was mended."""
        return True


class Several:
    """Nodes of a cluster, of which one at a time is hit."""

    def __init__(self, cluster: Cluster, connection: Connection) -> None:
        self._cluster = cluster
        self._connection = connection

    def hit(self, kind: str, dice: random.Random) -> Hit | None:
        """Kill or pause one of those that run."""
        pids = self._cluster.pids()
        if not pids:
            return None
        number = dice.choice(sorted(pids))
        mend = _hit(kind, pids[number], partial(self._cluster.restart, number))
        return Hit(f"node {number}, process {pids[number]}", mend)

    def whole(self) -> bool:
        """Whether each copy of each partition is in sync."""
        return self._cluster.in_sync(self._connection)


def open_kafka(
    folder: Path, nodes: int, stack: ExitStack, *, cuts: bool, resume: bool
) -> tuple[Kafka, Connection, Proxy | None]:
    """Start a Kafka in a folder, behind a proxy where connections are to be cut.

    Raises:
        BrokerError: it does not come up.
        UsageError: what is there to go on with has another number of nodes, or a port is taken.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if nodes > 1:
        cluster = Cluster(folder, nodes, keep=resume)
        stack.callback(cluster.down)
        connection = Connection(cluster.up())
        return Several(cluster, connection), connection, None
    told = network.free_port() if cuts else 0
    broker = Broker(folder, told=told)
    if not resume:
        broker.reset()
    stack.callback(broker.down)
    port = 0 if resume else network.free_port()  # that nobody else takes while it is down
    connection = Connection(broker.up(port=port))
    proxy = None
    if told:
        listens = int(connection.bootstrap.rpartition(":")[2])
        proxy = stack.enter_context(Proxy(told, listens))
    return Alone(broker), connection, proxy


def _hit(kind: str, pid: int, up: Callable[[], object]) -> Callable[[], object]:
    """Kill or pause a process, and return what mends that."""
    kills = kind.endswith("-kill")
    os.kill(pid, signal.SIGKILL if kills else signal.SIGSTOP)
    return up if kills else partial(_go_on, pid)


def _go_on(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)
