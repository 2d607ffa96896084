"""The shipped `orders` on Faust: workers as processes, one of which is killed."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from coordinators.orders import orders as saga
from minuet.chaos.audit import audit
from minuet.dev import Broker
from minuet.kafka.connection import Connection
from minuet.spec import project
from tests.integration.orders_run import ROOT, Observer, OrdersRun, Upstream, orders_run, until
from tests.integration.test_kill import all_is_well, in_flight_at, now_ms

pytestmark = [pytest.mark.kafka, pytest.mark.faust]

ORDERS = 200


@pytest.fixture
def run(tmp_path: Path) -> Iterator[OrdersRun]:
    """On a broker of its own: `orders` has its topics and its group for itself."""
    broker = Broker(tmp_path)
    try:
        with orders_run(tmp_path, broker.up()) as run:
            yield run
    finally:
        broker.reset()


def test_of_two_workers_on_faust_one_is_killed_and_nothing_is_lost_or_done_twice(
    run: OrdersRun,
) -> None:
    victim = run.start_on_faust()
    run.start_on_faust()
    with Observer(run.bootstrap) as observer, Upstream(run.bootstrap, ORDERS, 50) as upstream:
        until("work in flight", lambda: observer.in_flight_now() >= 20)
        victim.end(signal.SIGKILL)
        killed = now_ms()
        all_is_well(run, observer, upstream)
        assert in_flight_at(observer, killed)
    spec = project.load(saga.name, ROOT).spec
    found, _ = audit(Connection(run.bootstrap), spec, set(upstream.acked), None)
    assert found.violations == []
    assert found.acked == found.sagas == sum(found.ended.values()) >= ORDERS


def test_faust_runs_a_module_and_serves_no_web_pages(run: OrdersRun, tmp_path: Path) -> None:
    (tmp_path / "on_faust.py").write_text(
        "from minuet.engines.faust import app_of\n\n"
        f'app = app_of("orders", form="simulated", bootstrap="{run.bootstrap}")\n'
    )
    worker = run.start_module("faust", "-A", "on_faust", "worker", "-l", "info")
    until("it is ready", lambda: "ready, group orders" in worker.said)
    with Observer(run.bootstrap) as observer, Upstream(run.bootstrap, 20, 100) as upstream:
        all_is_well(run, observer, upstream)
    assert "[^Worker]: Ready" in worker.said
    assert "Web" not in worker.said
    assert "Server" not in worker.said
