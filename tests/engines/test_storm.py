"""A retry storm in virtual time: ten minutes without the bank, a worker killed in the middle.

STORM_PER_S sets how many orders come in a second.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FunctionType, MethodType, ModuleType
from typing import Any

from bench.storm_saga import REFUSED_EVERY, OrderPlaced, SickBank, workflow
from minuet.core.state import Status
from minuet.engines import virtual_time
from minuet.engines.course import Stored
from minuet.engines.disk_stores import DiskStores
from minuet.engines.gates import KNOWN_MOST
from minuet.engines.loop import Loop
from minuet.engines.simulated import Settings
from minuet.engines.simulation import Outcome, Simulation
from minuet.event.record import TYPE
from minuet.settings.worker import Options

PER_S = int(os.environ.get("STORM_PER_S", "5"))
CALM_S, DOWN_S, AFTER_S = 30, 600, 30
KILLED_S = CALM_S + DOWN_S / 2
IN_FLIGHT = 50
ROWS = 100 * PER_S  # in memory; at 200 in a second what workers have by default
WEIGHED_EVERY_S = 10
GROWTH_MOST = 50_000_000
PAID = ("pay", "refund")


NO_DATA = (type, ModuleType, FunctionType, MethodType, asyncio.Future)


def weigh(loop: Loop) -> int:
    """The bytes of all that a worker keeps of sagas in Python: tables, timers, runs, who waits."""
    parts = list(loop.parts.values())
    left: list[Any] = [loop._gates]
    for part in parts:
        left += [part.table, part._timers, part._armed, part.runs, part.ahead, part.overdue]
    seen = {id(each) for each in (*parts, loop, loop.plan, loop.unit, asyncio.get_running_loop())}
    total = 0
    while left:
        one = left.pop()
        if id(one) in seen or isinstance(one, NO_DATA):
            continue
        seen.add(id(one))
        total += sys.getsizeof(one)
        left += gc.get_referents(one)
    return total


class Watch:
    """The most that a worker had in hand at any second of the storm."""

    def __init__(self) -> None:
        self.most: Counter[str] = Counter()

    def look(self, loop: Loop) -> None:
        parts = loop.parts.values()
        [breaker] = loop.breakers()
        for name, now in (
            ("runs", sum(len(part.runs) for part in parts)),
            ("timers", sum(part.armed for part in parts)),
            ("waiting", breaker.waiting),
        ):
            self.most[name] = max(self.most[name], now)

    def weigh(self, name: str, loop: Loop) -> None:
        self.most[name] = max(self.most[name], weigh(loop))


class Storm:
    """One run, in virtual time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stores = DiskStores(folder, {}, ROWS)
        self.on_disk: set[str] = set()
        self.effects: Counter[tuple[str, str]] = Counter()
        self.keys: set[str] = set()
        self.watch = Watch()

    def note(self, what: str, order_id: str, key: str) -> None:
        if key not in self.keys:
            self.keys.add(key)
            self.effects[what, order_id] += 1

    async def run(self) -> Outcome:
        time = virtual_time.running()
        bank = SickBank(lambda: CALM_S <= time.time() < CALM_S + DOWN_S, self.note)
        options = Options(in_flight=IN_FLIGHT)
        settings = Settings(workers=1, options=options, stores=lambda: self.stores)
        simulation = Simulation(workflow("storm", bank, open_for="10s"), 1, settings)
        await simulation.start(0)
        for number in range(PER_S * (CALM_S + DOWN_S + AFTER_S)):
            event = OrderPlaced(order_id=f"order-{number}", number=number)
            time.call_later(number / PER_S, simulation.publish, event)
        for second in range(CALM_S + DOWN_S):
            await asyncio.sleep(1)
            if second == KILLED_S:
                simulation.logs[0].kill()
                simulation.loops.pop(0).abandon()
                await simulation.start(0)
            if second > CALM_S:
                self.watch.look(simulation.loops[0])
            if second % WEIGHED_EVERY_S == 0:
                self.watch.weigh("calm" if second <= CALM_S else "storm", simulation.loops[0])
        self.on_disk = {each.name for each in self.folder.iterdir() if each.is_dir()}
        await time.quiet()
        await simulation.end()
        return simulation.outcome(0)


@cache
def storm() -> tuple[Storm, Outcome]:
    with TemporaryDirectory() as folder:
        one = Storm(Path(folder))
        return one, virtual_time.run(one.run())


def kinds(outcome: Outcome, kind: str) -> Iterator[Stored]:
    return (one for one in outcome.log if dict(one.headers)[TYPE] == kind.encode())


def since(outcome: Outcome) -> float:
    """When the first order was placed, in ms."""
    return min(one.time for one in kinds(outcome, "OrderPlaced"))


def branch_ms(outcome: Outcome, begin_s: float, end_s: float) -> list[int]:
    """How long the branch took that needs no bank, of orders placed in that time, sorted."""
    first = since(outcome)
    done = {one.key: one.time for name in ("OrderLabelled", "LabelRefused")
            for one in kinds(outcome, name)}  # fmt: skip
    return sorted(
        done[one.key] - one.time
        for one in kinds(outcome, "OrderPlaced")
        if begin_s * 1000 <= one.time - first < end_s * 1000
    )


def p99(found: list[int]) -> int:
    return found[int(len(found) * 0.99)]


def test_what_waits_is_not_in_the_workers_hands() -> None:
    one, outcome = storm()
    most = one.watch.most
    assert most["waiting"] > min(KNOWN_MOST - 1, 0.9 * PER_S * DOWN_S)  # they did wait
    assert most["waiting"] <= KNOWN_MOST
    assert most["runs"] <= 4 * IN_FLIGHT
    assert most["timers"] < PER_S * DOWN_S / 10
    retrying = sum(1 for _ in kinds(outcome, "StepRetrying"))
    assert 0 < retrying < 2 * DOWN_S / 10 + 2 * IN_FLIGHT  # about one for each probe


def test_what_waits_takes_little_memory_and_its_rows_are_on_disk() -> None:
    one, outcome = storm()
    most = one.watch.most
    assert 0 < most["calm"] < most["storm"] < most["calm"] + GROWTH_MOST
    assert one.on_disk == {str(number) for number in {each.partition for each in outcome.rows}}


def test_the_branch_that_needs_no_bank_is_as_quick_as_ever() -> None:
    _, outcome = storm()
    calm = branch_ms(outcome, 0, CALM_S - 1)
    before, after = branch_ms(outcome, CALM_S, KILLED_S - 1), branch_ms(
        outcome, KILLED_S + 15, CALM_S + DOWN_S
    )  # fmt: skip
    assert p99(before) <= 2 * p99(calm)
    assert p99(after) <= 2 * p99(calm)


def test_a_worker_killed_in_the_middle_is_followed_within_thirty_seconds() -> None:
    _, outcome = storm()
    killed = since(outcome) + KILLED_S * 1000
    answers = [one.time for one in kinds(outcome, "OrderLabelled") if one.time > killed + 1_000]
    assert min(answers) - killed < 30_000


def test_the_backlog_is_drained_and_the_ledger_is_clean() -> None:
    one, outcome = storm()
    states = Counter(state.status for state in outcome.sagas.values())
    count = PER_S * (CALM_S + DOWN_S + AFTER_S)
    refused = len(range(0, count, REFUSED_EVERY))
    assert states == {Status.COMPLETED: count - refused, Status.COMPENSATED: refused}
    assert outcome.letters == ()
    for key, state in outcome.sagas.items():
        paid, back = (one.effects[what, key] for what in PAID)
        assert paid - back == (state.status is Status.COMPLETED), key
        assert paid <= 1
    ends = [e.time for kind in ("SagaCompleted", "SagaCompensated") for e in kinds(outcome, kind)]
    assert max(ends) - since(outcome) < (CALM_S + DOWN_S + AFTER_S + 60) * 1000
