"""Workers that write in transactions are killed, and put to sleep until others have their work.

How often something stands twice on the log is counted with transactions and without: without them
it is what a sleeper says when it wakes up, under ids that are known, so that it changes nothing.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from minuet.dev import Broker
from minuet.kafka.connection import Connection
from minuet.kafka.reading import record_of, snapshot
from tests.integration.orders_run import Observer, OrdersRun, Upstream, orders_run, until
from tests.integration.test_kill import (
    EVERY_PARTITION,
    IN_FLIGHT_LEAST,
    all_is_well,
    in_flight_at,
    now_ms,
)

pytestmark = pytest.mark.kafka

TRANSACTIONAL = ("--guarantee", "transactional")
LOG = "orders.events"
ORDERS, PER_S = 1_500, 300
REFUSED = "another worker writes for it"
LOADED = "rows loaded"
SLEPT = "this process stood still for longer than its session"
SLEPT_S = 1.0  # after the successor has everything: what is late is late


@pytest.fixture
def run(tmp_path: Path) -> Iterator[OrdersRun]:
    """`orders` on a broker that nobody else uses."""
    broker = Broker(tmp_path)
    with ExitStack() as stack:
        stack.callback(broker.reset)
        yield stack.enter_context(orders_run(tmp_path, broker.up()))


def doubles(run: OrdersRun) -> int:
    """Records whose event stands on the log already; a reader of committed ones sees them all."""
    ids = [record_of(message).id for message in snapshot(Connection(run.bootstrap), LOG)]
    return len(ids) - len(set(ids))


def await_many(observer: Observer) -> None:
    until("sagas in flight", lambda: observer.in_flight_now() >= 2 * IN_FLIGHT_LEAST)


def test_a_worker_killed_amid_its_transactions_is_succeeded_and_all_is_well(
    run: OrdersRun,
) -> None:
    worker = run.start_ready(*TRANSACTIONAL)
    with Observer(run.bootstrap) as observer, Upstream(run.bootstrap, ORDERS, PER_S) as upstream:
        until("some have ended", lambda: observer.have_begun({"order-00300"}))
        await_many(observer)
        worker.end(signal.SIGKILL)
        killed = now_ms()
        run.start(*TRANSACTIONAL)
        all_is_well(run, observer, upstream)
        assert in_flight_at(observer, killed) >= IN_FLIGHT_LEAST
    assert doubles(run) == 0


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(TRANSACTIONAL, id="transactional"),
        pytest.param((), id="at-least-once", marks=pytest.mark.slow),
    ],
)
def test_what_a_sleeper_says_late_stands_on_the_log_only_without_transactions(
    run: OrdersRun, options: tuple[str, ...]
) -> None:
    sleeper = run.start_ready(*options)
    with Observer(run.bootstrap) as observer, Upstream(run.bootstrap, ORDERS, PER_S) as upstream:
        until("some have begun", lambda: observer.have_begun({"order-00300"}))
        await_many(observer)
        run.put_to_sleep(sleeper)
        slept = now_ms()
        run.start(*options)
        until("others answer", lambda: observer.answered_since(slept, EVERY_PARTITION))
        upstream.finish()
        until("every saga has ended", lambda: observer.have_ended(set(upstream.acked)))
        time.sleep(SLEPT_S)
        before, loaded = doubles(run), sleeper.said.count(LOADED)
        sleeper.process.send_signal(signal.SIGCONT)
        until("it has partitions again", lambda: sleeper.said.count(LOADED) > loaded)
        all_is_well(run, observer, upstream)
        assert in_flight_at(observer, slept) >= IN_FLIGHT_LEAST
    late = doubles(run) - before
    refused = sleeper.said.count(REFUSED)
    print(f"{refused} transactions of the sleeper refused")  # noqa: T201
    print(f"{late} records of the sleeper stand twice, {before} of others")  # noqa: T201
    assert before == 0
    if options == TRANSACTIONAL:  # it did try, or was told first that others have its work
        assert refused or SLEPT in sleeper.said
    else:
        assert refused == 0
    assert (late == 0) is (options == TRANSACTIONAL)
