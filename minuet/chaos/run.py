"""A run under faults on a real Kafka of its own: load, faults, and an audit of it all."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from minuet.chaos.arming import Arming
from minuet.chaos.audit import audit
from minuet.chaos.crew import Crew
from minuet.chaos.faults import Faults, Fired
from minuet.chaos.kafka import open_kafka
from minuet.chaos.plan import Fault, check, plan
from minuet.chaos.poison import Poison, poisoned
from minuet.chaos.rounds import Rounds
from minuet.chaos.state import State, load
from minuet.chaos.upstream import Upstream
from minuet.chaos.wish import Found, Stages, Wish
from minuet.children import Children
from minuet.engines.worker import FAILPOINTS
from minuet.errors import MinuetError
from minuet.kafka import topics
from minuet.kafka.connection import Connection
from minuet.verify import verify

_LOOK_S = 0.1
_SAVE_S = 5.0
_HIT_S = 600.0  # within which one more fault was made, of those that are counted
_HEAL_S = 180.0  # until one more saga has ended, once nothing is broken any more
_SHOP = "shop"
_FAILPOINTS = "failpoints"
_POISON = "poison"


def run(wish: Wish, stages: Stages) -> Found:
    """Run, and leave no process behind; the broker's data stay for a look.

    Raises:
        UsageError: there is no such fault, or no run to go on with.
        MinuetError: a worker ended by itself, or sagas do not end.
    """
    check(wish.kinds, wish.nodes)
    with ExitStack() as stack:
        scene = _Scene.open(wish, stages, stack)
        scene.load()
        mended_ms = time.time_ns() // 1_000_000
        scene.settle()
        stages.stage("auditing: topics and ledger, then each row of the table")
        acked = scene.acked.read_text(encoding="utf-8").split()
        ledger = scene.ledger if wish.shop else None
        found, lives = audit(
            scene.connection, wish.workflow.spec, acked, ledger, poisoned(wish.folder / _POISON)
        )
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
    began_s: float = field(default_factory=time.time)

    @property
    def rounds(self) -> Rounds:
        """What is counted."""
        return Rounds(self.wish.kinds, self.wish.rounds)

    @classmethod
    def open(cls, wish: Wish, stages: Stages, stack: ExitStack) -> _Scene:
        """Start broker, shop and workers."""
        folder, name = wish.folder, wish.workflow.spec.name
        file = folder / "state.json"
        state = (
            load(file, name, wish.nodes)
            if wish.resume
            else State(name, wish.seed, nodes=wish.nodes)
        )
        stages.stage("starting a Kafka of its own")
        kafka, connection, proxy = open_kafka(
            folder, wish.nodes, stack, cuts="cut" in wish.kinds, resume=wish.resume
        )
        for spec in (wish.workflow.spec, *wish.others):
            topics.apply(connection, topics.plan(spec))
        if not wish.resume:
            for old in (file, folder / "acked", folder / _POISON, *folder.glob("ledger.sqlite*")):
                old.unlink(missing_ok=True)
        children = stack.enter_context(Children(folder, wish.project))
        crew = _crew(wish, children, connection, folder)
        stack.callback(crew.heal)
        stages.stage(f"starting {wish.workers} workers")
        crew.start()
        arming = Arming(
            folder / _FAILPOINTS, random.Random(f"where-{state.seed}-{state.elapsed_s}")
        )
        poison = Poison(
            connection, wish.workflow.spec, folder / _POISON,
            random.Random(f"what-{state.seed}-{state.elapsed_s}"),
        )  # fmt: skip
        faults = Faults(crew, kafka, arming, poison, proxy, state.seed)
        stack.callback(faults.heal)
        ledger, acked = folder / "ledger.sqlite", folder / "acked"
        return cls(wish, stages, state, connection, crew, faults, ledger, acked, file)

    def load(self) -> None:
        """Publish, and make faults, until the time is over or each was made often enough."""
        wish, state = self.wish, self.state
        often = f"until each fault was made {wish.rounds} times"
        long = f"for {wish.seconds - state.elapsed_s:.0f} s"
        self.stages.stage(f"{wish.rate:g} sagas/s {often if wish.rounds else long}")
        state.note_load()
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
            state.note_load()
            state.save(self.file)

    def _play(self, up: Upstream) -> None:
        """Make what the plan says until the time is over, or each was made often enough."""
        wish, state = self.wish, self.state
        before, began, saved = state.elapsed_s, time.monotonic(), 0.0
        kinds: tuple[str, ...] = ()
        faults: Iterator[Fault] = iter(())
        due: Fault | None = None
        while state.elapsed_s < wish.seconds and (still := self.rounds.open(state.made())):
            self._look()
            up.check()
            if still != kinds:
                kinds, faults = still, plan(state.seed, wish.every_s, still)
                due = next(fault for fault in faults if fault.at_s >= state.elapsed_s)
            if due and state.elapsed_s >= due.at_s and self.faults.over:
                self._note(self.faults.make(due))
                due = next(faults)
            time.sleep(_LOOK_S)
            state.elapsed_s, state.sent = before + time.monotonic() - began, up.sent
            self._tell()
            if time.monotonic() - saved > _SAVE_S:
                state.save(self.file)
                saved = time.monotonic()

    def _tell(self) -> None:
        """Tell how far it is, and raise where faults are to be made and none is for long."""
        if not self.wish.rounds:
            self.stages.look(round(self.state.elapsed_s), round(self.wish.seconds))
            return
        self.stages.look(*self.rounds.progress(self.state.made()))
        last_s = self.state.faults[-1].at_ms / 1000 if self.state.faults else self.began_s
        if time.time() - max(last_s, self.began_s) > _HIT_S:
            missing = self.rounds.missing(self.state.made())
            left = ", ".join(f"{count} {name}" for name, count in (+missing).items())
            message = f"not within {_HIT_S:.0f} s: any fault; left are {left}"
            raise MinuetError(message)

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
            number = self.state.made().count(fired.kind)
            self.stages.fired(fired, number, self.wish.rounds)

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


def _crew(wish: Wish, children: Children, connection: Connection, folder: Path) -> Crew:
    """The workers, and the shop that their steps reach."""
    environment = {FAILPOINTS: str(folder / _FAILPOINTS)}
    command: tuple[str, ...] = ("worker", wish.workflow.spec.name)
    command += ("--bootstrap", connection.bootstrap, "--guarantee", wish.guarantee)
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
