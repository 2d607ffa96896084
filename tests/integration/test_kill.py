"""Workers and the broker are killed, stopped and started again in the midst of the work.

The moment is drawn from a seed that is printed; set KILL_SEED to try the same one again.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from minuet.dev import Broker, network
from tests.integration.in_time import in_time, waited_s
from tests.integration.orders_run import (
    Observer,
    OrdersRun,
    Upstream,
    orders_run,
    should_complete,
    until,
)

pytestmark = pytest.mark.kafka

IN_FLIGHT_LEAST = 20  # with fewer, a kill would hit next to nothing
PROGRESS_WITHIN_S = 10.0
EVERY_PARTITION = set(range(6))
ONCE_IF_COMPLETED = {"reserve": 1, "charge": 1, "book": 1}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """One for each test: `orders` has its topics and its group for itself."""
    broker = Broker(tmp_path)
    try:
        broker.up(port=network.free_port())  # that no other test takes while it is down
        yield broker
    finally:
        broker.reset()


@pytest.fixture
def run(broker: Broker, tmp_path: Path) -> Iterator[OrdersRun]:
    with orders_run(tmp_path, broker.running() or "") as run:
        yield run


@pytest.fixture
def dice() -> random.Random:
    seed = int(os.environ.get("KILL_SEED") or random.SystemRandom().randrange(1_000_000))
    print(f"KILL_SEED={seed}")  # noqa: T201  (pytest shows it when the test fails)
    return random.Random(seed)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def wait_for_a_moment(
    observer: Observer, dice: random.Random, first_s: float, last_s: float
) -> None:
    """Wait for a random moment; when it hits too little, for another one."""
    moment = time.monotonic() + dice.uniform(first_s, last_s)
    until("the moment", lambda: observer.in_flight >= 0 and time.monotonic() >= moment)
    while observer.in_flight_now() < IN_FLIGHT_LEAST:
        time.sleep(dice.uniform(0.01, 0.2))


def in_flight_at(observer: Observer, moment_ms: int) -> int:
    return sum(1 for one in observer.sagas.values() if 0 < one.begun < moment_ms <= one.ended)


def all_is_well(run: OrdersRun, observer: Observer, upstream: Upstream) -> None:
    """Every acknowledged order has ended as its content says; table, log and ledger agree."""
    upstream.finish()
    until("what is acknowledged is seen", lambda: observer.have_begun(set(upstream.acked)))
    until("every saga has ended", lambda: observer.have_ended(set(observer.sagas)))
    for worker in (one for one in run.workers if not one.was_told):
        assert worker.end(signal.SIGTERM) == 0, worker.said
    for key, one in observer.sagas.items():
        completes = should_complete(upstream.orders[key])
        assert one.outcome == ("SagaCompleted" if completes else "SagaCompensated"), key
    report = run.verify()
    assert report["sagas"] == len(observer.sagas)
    troubles = ("live", "early", "incidents", "conflicts", "nondeterministic", "illegal", "strays")
    assert {name: report[name] for name in troubles} == dict.fromkeys(troubles, 0)
    each_effect_once(run, observer)


def each_effect_once(run: OrdersRun, observer: Observer) -> None:
    """Nothing was done twice, and what was done for an order that failed is undone."""
    effects = run.effects()
    for key, one in observer.sagas.items():
        done = {effect: len(calls) for effect, calls in effects.pop(key, {}).items()}
        if one.outcome == "SagaCompleted":
            assert done == ONCE_IF_COMPLETED, key
        else:
            assert done.get("release", 0) == done.get("reserve", 0) <= 1, key
            assert done.get("refund", 0) == done.get("charge", 0) <= 1, key
            assert "book" not in done, key
    assert effects == {}, "the ledger knows orders that the log does not"


def calls(run: OrdersRun) -> list[int]:
    return [n for by_key in run.effects().values() for each in by_key.values() for n in each]


def test_a_worker_killed_in_mid_run_is_succeeded_by_another_and_nothing_is_lost_or_done_twice(
    run: OrdersRun, dice: random.Random
) -> None:
    worker = run.start_ready()
    with Observer(run.bootstrap) as observer, Upstream(run.bootstrap, 2_000, 200) as upstream:
        wait_for_a_moment(observer, dice, 3, 15)
        worker.end(signal.SIGKILL)
        killed = now_ms()
        successor = run.start()
        until("an answer", lambda: observer.answered_since(killed, EVERY_PARTITION))
        waited = waited_s(successor.process.pid)
        silence_s = (observer.answered_since(killed, EVERY_PARTITION)[0] - killed) / 1000
        was_soon = in_time(silence_s, PROGRESS_WITHIN_S, waited_s=waited)
        all_is_well(run, observer, upstream)
        hit = in_flight_at(observer, killed)
    twice = sum(n > 1 for n in calls(run))
    print(f"{hit} sagas in flight, {twice} effects unanswered; progress after {silence_s:.1f} s")  # noqa: T201
    assert hit >= IN_FLIGHT_LEAST
    assert twice, "no service was asked again: the kill hit no handler"
    assert was_soon


def test_a_worker_takes_over_from_a_killed_one_and_its_own_sagas_do_not_wait(
    run: OrdersRun, dice: random.Random
) -> None:
    survivor, victim = run.start_ready(), run.start_ready()
    with Observer(run.bootstrap) as observer, Upstream(run.bootstrap, 1_000, 150) as upstream:
        wait_for_a_moment(observer, dice, 1, 4)
        victim.end(signal.SIGKILL)
        killed = now_ms()
        all_is_well(run, observer, upstream)
        orphans = victim.partitions
        taken_over = observer.answered_since(killed, orphans)[0]
        meanwhile = observer.answered_since(killed, EVERY_PARTITION - orphans)
    assert survivor.process.returncode == 0
    assert len(orphans) == 3
    assert in_flight_at(observer, killed) >= IN_FLIGHT_LEAST
    assert sum(t < taken_over for t in meanwhile) > IN_FLIGHT_LEAST


def test_a_worker_told_to_stop_in_mid_run_finishes_what_it_does_and_exits_0(
    run: OrdersRun, dice: random.Random
) -> None:
    first = run.start_ready()
    with Observer(run.bootstrap) as observer, Upstream(run.bootstrap, 600, 150) as upstream:
        wait_for_a_moment(observer, dice, 1, 4)
        told = now_ms()
        assert first.end(signal.SIGTERM) == 0, first.said
        run.verify()
        run.start()
        all_is_well(run, observer, upstream)
    assert in_flight_at(observer, told) >= IN_FLIGHT_LEAST
    assert set(calls(run)) == {1}, "what ran was cut off, and had to run again"


def test_workers_go_on_by_themselves_after_the_broker_was_killed(
    broker: Broker, run: OrdersRun, dice: random.Random
) -> None:
    for _ in range(2):
        run.start_ready()
    with Observer(run.bootstrap) as observer, Upstream(run.bootstrap, 1_000, 150) as upstream:
        wait_for_a_moment(observer, dice, 1, 4)
        os.kill(broker.status().pid, signal.SIGKILL)
        killed = now_ms()
        assert broker.up() == run.bootstrap
        all_is_well(run, observer, upstream)
    assert in_flight_at(observer, killed) >= IN_FLIGHT_LEAST
    assert any(one.begun > killed for one in observer.sagas.values()), "it was too late"
