"""Workers on Faust whose broker dies, and of which one sleeps longer than its session."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from minuet.dev import Broker, network
from tests.integration.orders_run import Observer, OrdersRun, Upstream, orders_run, until
from tests.integration.test_kill import IN_FLIGHT_LEAST, all_is_well, in_flight_at, now_ms

pytestmark = [pytest.mark.kafka, pytest.mark.faust, pytest.mark.slow, pytest.mark.timeout(600)]

ORDERS, PER_S = 600, 150


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    try:
        yield broker
    finally:
        broker.reset()


@pytest.fixture
def run(broker: Broker, tmp_path: Path) -> Iterator[OrdersRun]:
    with orders_run(tmp_path, broker.up(port=network.free_port())) as run:
        yield run


def many_in_flight(observer: Observer) -> bool:
    return observer.in_flight_now() >= IN_FLIGHT_LEAST


def test_workers_go_on_when_their_broker_was_killed_and_is_back(
    broker: Broker, run: OrdersRun
) -> None:
    run.start_on_faust()
    run.start_on_faust()
    with Observer(run.bootstrap) as observer, Upstream(run.bootstrap, ORDERS, PER_S) as upstream:
        until("work in flight", lambda: many_in_flight(observer))
        os.kill(broker.status().pid, signal.SIGKILL)
        killed = now_ms()
        broker.up(port=int(run.bootstrap.rpartition(":")[2]))
        all_is_well(run, observer, upstream)
        assert in_flight_at(observer, killed)


def test_one_that_slept_longer_than_its_session_comes_second(run: OrdersRun) -> None:
    sleeper = run.start_on_faust()
    with Observer(run.bootstrap) as observer, Upstream(run.bootstrap, ORDERS, PER_S) as upstream:
        until("work in flight", lambda: many_in_flight(observer))
        run.put_to_sleep(sleeper)
        slept = now_ms()
        run.start_on_faust()
        until("the other answers", lambda: observer.answered_since(slept, set(range(6))))
        sleeper.process.send_signal(signal.SIGCONT)
        all_is_well(run, observer, upstream)
        assert in_flight_at(observer, slept)
