"""A run under faults on a real Kafka of its own: load, faults, and an audit of it all."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from minuet.chaos.arming import Arming
from minuet.chaos.audit import Audit, Lives, audit
from minuet.chaos.crew import Crew
from minuet.chaos.faults import Faults, Fired
from minuet.chaos.plan import KINDS, plan
from minuet.chaos.proxy import Proxy
from minuet.chaos.state import State, load
from minuet.chaos.upstream import Upstream
from minuet.children import Children
from minuet.dev import Broker, network
from minuet.engines.worker import FAILPOINTS
from minuet.errors import MinuetError
from minuet.event.model import Event
from minuet.kafka import topics
from minuet.kafka.connection import Connection
from minuet.spec.assemble import Workflow
from minuet.spec.model import Spec
from minuet.verify import Report, verify

_LOOK_S = 0.1
_SAVE_S = 5.0
_HEAL_S = 180.0  # until one more saga has ended, once nothing is broken any more
_SHOP = "shop"
_FAILPOINTS = "failpoints"


@dataclass(frozen=True)
class Wish:
    """What is asked for.

    Args:
        workflow: to run; `events` begin its sagas; it may begin sagas of the `others`.
        project: the folder that holds pyproject.toml.
        seconds: under load.
        rate: sagas begun in a second.
        every_s: a fault on average so often; `kinds` of faults.
        workers: at once; `supervised`: each by a supervisor.
        shop: whether steps reach `minuet demo shop`; else their resources are simulated ones.
        latency_ms: of each call of the shop: what is in flight is what a fault can hit.
        seed: of the faults.
        resume: go on with the run that was broken off, under its own seed.
    """

    workflow: Workflow
    events: Sequence[Event]
    others: Sequence[Spec]
    project: Path
    seconds: float = 300.0
    rate: float = 100.0
    every_s: float = 10.0
    kinds: tuple[str, ...] = tuple(KINDS)
    workers: int = 2
    supervised: bool = False
    shop: bool = True
    latency_ms: int = 200
    seed: int = 0
    resume: bool = False

    @property
    def folder(self) -> Path:
        """Where the run keeps its broker, its ledger and its state."""
        return self.project / ".minuet" / "chaos"


@dataclass(frozen=True)
class Found:
    """What a run came to; `settled_s`: from when all was mended to the end of the last saga."""

    state: State
    settled_s: float
    audit: Audit
    lives: Lives
    verify: Report

    @property
    def ok(self) -> bool:
        """Whether every promise was kept."""
        return not self.audit.violated and self.verify.ok


class Stages(Protocol):
    """Who is told how far the run is."""

    def stage(self, text: str) -> None:
        """Something begins."""

    def fired(self, fault: Fired) -> None:
        """A fault was made."""

    def look(self, elapsed_s: float, sent: int, faults: int) -> None:
        """How far it is; called many times a second."""


def run(wish: Wish, stages: Stages) -> Found:
    """Run, and leave no process behind; the broker's data stay for a look.

    Raises:
        UsageError: there is no such fault, or no run to go on with.
        MinuetError: a worker ended by itself, or sagas do not end.
    """
    plan(wish.seed, wish.every_s, wish.kinds)  # wrong kinds are told before anything starts
    with ExitStack() as stack:
        scene = _Scene.open(wish, stages, stack)
        scene.load()
        mended_ms = time.time_ns() // 1_000_000
        scene.settle()
        stages.stage("auditing: topics and ledger, then each row of the table")
        acked = scene.acked.read_text(encoding="utf-8").split()
        ledger = scene.ledger if wish.shop else None
        found, lives = audit(scene.connection, wish.workflow.spec, acked, ledger)
        settled_s = max(0, lives.last_end_ms - mended_ms) / 1000
        report = verify(scene.connection, wish.workflow.spec)
        return Found(scene.state, round(settled_s, 1), found, lives, report)


@dataclass
class _Scene:
    """Everything that plays in a run."""

    wish: Wish
    stages: Stages
    state: State
    connection: Connection
    crew: Crew
    faults: Faults
    ledger: Path
    acked: Path
    file: Path
    left: int = 0

    @classmethod
    def open(cls, wish: Wish, stages: Stages, stack: ExitStack) -> _Scene:
        """Start broker, shop and workers."""
        folder, name = wish.folder, wish.workflow.spec.name
        file = folder / "state.json"
        state = load(file, name) if wish.resume else State(name, wish.seed)
        stages.stage("starting a Kafka of its own")
        broker, connection, proxy = _kafka(wish, stack)
        if not wish.resume:
            for old in (file, folder / "acked", *folder.glob("ledger.sqlite*")):
                old.unlink(missing_ok=True)
        children = stack.enter_context(Children(folder, wish.project))
        crew = _crew(wish, children, connection, folder)
        stack.callback(crew.heal)
        stages.stage(f"starting {wish.workers} workers")
        crew.start()
        arming = Arming(
            folder / _FAILPOINTS, random.Random(f"where-{state.seed}-{state.elapsed_s}")
        )
        faults = Faults(crew, broker, arming, proxy, state.seed)
        stack.callback(faults.heal)
        ledger, acked = folder / "ledger.sqlite", folder / "acked"
        return cls(wish, stages, state, connection, crew, faults, ledger, acked, file)

    def load(self) -> None:
        """Publish, and make faults, until the time is over."""
        wish, state = self.wish, self.state
        self.stages.stage(f"{wish.rate:g} sagas/s for {wish.seconds - state.elapsed_s:.0f} s")
        up = Upstream(
            self.connection, wish.workflow, wish.events, wish.rate, self.acked, state.sent
        )
        try:
            with up:
                self._play(up)
                self.stages.stage("mending everything")
                self.faults.stop()
                self._until("all is mended", lambda: self.faults.quiet)
        finally:  # broken off, it is gone on with from here
            state.sent = up.sent
            state.save(self.file)

    def _play(self, up: Upstream) -> None:
        """Make what the plan says until the time is over."""
        wish, state = self.wish, self.state
        faults = plan(state.seed, wish.every_s, wish.kinds)
        due = next(fault for fault in faults if fault.at_s >= state.elapsed_s)
        before, began, saved = state.elapsed_s, time.monotonic(), 0.0
        while state.elapsed_s < wish.seconds:
            self._look()
            up.check()
            if state.elapsed_s >= due.at_s and self.faults.over:
                self._note(self.faults.make(due))
                due = next(faults)
            time.sleep(_LOOK_S)
            state.elapsed_s, state.sent = before + time.monotonic() - began, up.sent
            self.stages.look(state.elapsed_s, state.sent, len(state.faults))
            if time.monotonic() - saved > _SAVE_S:
                state.save(self.file)
                saved = time.monotonic()

    def settle(self) -> None:
        """Wait until every saga has ended, as long as ever more of them end."""
        self.stages.stage("waiting until every saga has ended")
        left = self._left()
        while left:
            self._until(f"{left:,} sagas and events are left", partial(self._less_than, left))
            left = self.left
        self.crew.stop()

    def _look(self) -> None:
        for death in self.faults.look():
            self._note(death)

    def _note(self, fired: Fired | None) -> None:
        if fired is not None:
            self.state.faults.append(fired)
            self.stages.fired(fired)

    def _less_than(self, before: int) -> bool:
        return self._left() < before

    def _left(self) -> int:
        """How many sagas go on that wait for no person, and events whose rows are to come."""
        report = verify(self.connection, self.wish.workflow.spec)
        self.left = max(0, report.live - report.incidents) + report.uncommitted
        return self.left

    def _until(self, what: str, holds: Callable[[], bool]) -> None:
        until = time.monotonic() + _HEAL_S
        while not holds():
            self._look()
            if time.monotonic() > until:
                message = f"not within {_HEAL_S:.0f} s: {what}; see {self.wish.folder}"
                raise MinuetError(message)
            time.sleep(_LOOK_S)


def _kafka(wish: Wish, stack: ExitStack) -> tuple[Broker, Connection, Proxy | None]:
    """A broker with the topics, behind a proxy where connections are to be cut."""
    told = network.free_port() if "cut" in wish.kinds else 0
    broker = Broker(wish.folder, told=told)
    if not wish.resume:
        broker.reset()
    wish.folder.mkdir(parents=True, exist_ok=True)
    stack.callback(broker.down)
    port = 0 if wish.resume else network.free_port()  # that nobody else takes while it is down
    connection = Connection(broker.up(port=port))
    proxy = None
    if told:
        listens = int(connection.bootstrap.rpartition(":")[2])
        proxy = stack.enter_context(Proxy(told, listens))
    for spec in (wish.workflow.spec, *wish.others):
        topics.apply(connection, topics.plan(spec))
    return broker, connection, proxy


def _crew(wish: Wish, children: Children, connection: Connection, folder: Path) -> Crew:
    """The workers, and the shop that their steps reach."""
    environment = {FAILPOINTS: str(folder / _FAILPOINTS)}
    command: tuple[str, ...] = ("worker", wish.workflow.spec.name)
    command += ("--bootstrap", connection.bootstrap)
    command += ("--state", str(folder / "crashes"))
    if wish.shop:
        shop = ("demo", "shop", "--port", "0", "--ledger", str(folder / "ledger.sqlite"))
        half = str(wish.latency_ms // 2)  # an effect is done in the middle of its call
        children.start(_SHOP, *shop, "--latency-ms", half, "--late", "1", "--late-ms", half)
        children.wait(_SHOP, lambda: children.said(_SHOP, "listening"))
        environment["SHOP_URL"] = children.said(_SHOP, "listening")[0]["url"]
    else:
        command += ("--simulated",)
    return Crew(children, command, environment, wish.workers, supervised=wish.supervised)
