"""Workers whose clients were told of no broker at all: librdkafka may lose their group for good."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest

from minuet.dev import Broker, network
from tests.chaos.fencing import Fencing
from tests.integration.orders_run import Observer, OrdersRun, Upstream, orders_run, until
from tests.integration.test_kill import all_is_well

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(600)]

WORKERS = 4
FENCED_S = 4.0  # each client asks in that time, and more than once


@pytest.fixture
def port() -> int:
    """Where clients find the broker."""
    return network.free_port()


@pytest.fixture
def broker(tmp_path: Path, port: int) -> Iterator[Broker]:
    broker = Broker(tmp_path, told=port)
    try:
        yield broker
    finally:
        broker.reset()


@contextmanager
def started_again(run: OrdersRun) -> Iterator[None]:
    """Start another for each worker that ends because its client does not find its group."""
    over = Event()

    def look() -> None:
        while not over.wait(0.2):
            for worker in [one for one in run.workers if not one.was_told]:
                if worker.process.poll() is not None and "does not find back" in worker.said:
                    worker.was_told = True
                    run.start()

    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(look)
        try:
            yield
        finally:
            over.set()
        looking.result()


def test_workers_that_were_told_of_no_broker_go_on(
    broker: Broker, port: int, tmp_path: Path
) -> None:
    behind = network.free_port()
    broker.up(port=behind)
    with (
        Fencing(port, behind) as proxy,
        orders_run(tmp_path, f"127.0.0.1:{proxy.port}") as run,
    ):
        for _ in range(WORKERS):
            run.start_ready()

        proxy.is_fenced = True
        os.kill(broker.status().pid, signal.SIGKILL)
        broker.up(port=behind)
        time.sleep(FENCED_S)
        assert proxy.emptied >= WORKERS
        proxy.is_fenced = False

        with Observer(run.bootstrap) as observer, Upstream(run.bootstrap, 100, 100) as upstream:
            with started_again(run):
                upstream.finish()
                until("all ends", lambda: observer.have_ended(set(upstream.acked)))
            all_is_well(run, observer, upstream)
