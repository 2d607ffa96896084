"""Simulations: one seed, one trace; and whatever goes wrong, every saga ends as the log says."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from minuet.core.plan import compile_plan
from minuet.core.row import pack
from minuet.core.state import Status
from minuet.engines.disk_stores import DiskStores
from minuet.engines.model_broker import Faults
from minuet.engines.simulated import Happening, Settings
from minuet.engines.simulation import Outcome, simulate
from tests.engines.trips import Desk, TripAsked, fails, refuses, sleeps, trips

ROOT = Path(__file__).parents[2]
STORM = Settings(
    faults=Faults(latency_ms=(0.2, 30), duplicated=0.05, ack_lost=0.05, append_lost=0.05),
    script=(
        Happening(200, "kill", 0),
        Happening(300, "start", 2),
        Happening(400, "freeze", 1),
        Happening(7_500, "thaw", 1),
        Happening(9_000, "stop", 2),
    ),
    spread_ms=9_000,
)
SEEDS = range(12)
ASKED = tuple(TripAsked(trip_id=f"trip-{n}", nights=n) for n in range(40))


def weather(seed: int, settings: Settings = STORM) -> tuple[Outcome, Desk]:
    """Trips of which some fail at each step, wait, or take long, in a storm of faults."""
    desk = Desk()
    for n in range(40):
        saga = f"trip-{n}"
        if n % 4 == 0:
            name = ("reserve_room", "reserve_seat", "charge_card", "charge_card")[n // 4 % 4]
            desk.tell(name, saga, sleeps(0.4), refuses())
        elif n % 4 == 1:
            desk.tell("charge_card", saga, fails(ConnectionError("reset")), refuses())
        elif n % 4 == 2:
            desk.tell("issue_ticket", saga, sleeps(2))
    return simulate(trips("trips", desk), seed, events=ASKED, settings=settings), desk


storm = cache(weather)


def test_the_same_seed_makes_the_same_trace_to_the_byte() -> None:
    (first, _), (again, _), (other, _) = weather(1), weather(1), weather(2)
    assert first.trace == again.trace
    assert first.log == again.log
    assert first.digest == again.digest
    assert first.digest != other.digest


def test_a_trace_does_not_depend_on_the_hash_seed_of_the_process() -> None:
    program = "from tests.engines.test_simulation import storm; print(storm(1)[0].digest)"
    digests = set()
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-W", "ignore", "-c", program]
        ran = subprocess.run(
            command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True
        )
        assert ran.returncode == 0, ran.stderr
        digests.add(ran.stdout)
    assert len(digests) == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_in_a_storm_of_faults_every_saga_ends_and_every_row_is_the_fold(seed: int) -> None:
    outcome, _ = storm(seed)
    is_as_the_log_says(outcome)


@pytest.mark.parametrize("seed", SEEDS)
def test_so_it_is_with_rows_on_disk(seed: int, tmp_path: Path) -> None:
    stores = DiskStores(tmp_path, {}, most=0)
    outcome, _ = weather(seed, replace(STORM, stores=lambda: stores))
    is_as_the_log_says(outcome)
    spec = trips("trips", Desk()).spec
    kept = [stores.open(number, 1 << 40) for number in range(spec.partitions)]
    assert sum(len(each.rows) for each in kept) > 0
    assert all(each.start for each in kept)


def is_as_the_log_says(outcome: Outcome) -> None:
    statuses = Counter(state.status for state in outcome.sagas.values())
    assert statuses[Status.COMPLETED] + statuses[Status.COMPENSATED] == 40
    assert statuses[Status.COMPENSATED] > 0
    assert all(not state.seen and not state.incidents for state in outcome.sagas.values())
    plan = compile_plan(trips("trips", Desk()).spec)
    rows = {one.key.decode(): one.value for one in outcome.rows}
    assert rows == {key: pack(plan, state) for key, state in outcome.sagas.items()}
    assert outcome.letters == ()


def test_the_storm_does_hit() -> None:
    hits: Counter[str] = Counter()
    again = 0
    for seed in (*range(6), 32):  # in the storm of 32 a zombie is in the midst of a commit
        outcome, desk = storm(seed)
        hits.update(outcome.hits)
        slots = Counter(visit.slot for visit in desk.visits)
        again += sum(count > 1 for count in slots.values())
    wanted = {
        "duplicated", "ack lost", "append lost", "killed", "silent", "zombie", "commit refused"
    }  # fmt: skip
    assert {name: hits[name] for name in wanted if not hits[name]} == {}
    assert again > 12  # handlers ran again for a slot that a dead or silent worker had in hand


def test_ten_seconds_in_one_handler_hold_up_no_other_saga() -> None:
    desk = Desk()
    desk.tell("reserve_room", "trip-7", sleeps(10))
    outcome = simulate(trips("trips", desk), 3, events=ASKED)
    ends = [one for one in outcome.log if dict(one.headers)["ce_type"] == b"SagaCompleted"]
    assert len(ends) == 40
    by_time = sorted(ends, key=lambda one: one.time)
    assert by_time[-1].key == b"trip-7"
    assert by_time[-1].time - by_time[-2].time > 9_000
    assert outcome.sagas["trip-7"].counts == {}
