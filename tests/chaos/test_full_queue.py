"""A worker whose producers may keep next to nothing, while the broker says nothing."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from minuet.dev import Broker, network
from minuet.event.record import TIME
from minuet.kafka.connection import Connection
from minuet.kafka.reading import record_of, snapshot
from tests.integration.orders_run import Observer, OrdersRun, Upstream, orders_run, until
from tests.integration.test_kill import IN_FLIGHT_LEAST, all_is_well, now_ms

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(600)]

QUEUE = 5  # records that a producer keeps
PRODUCERS = 2
MANY = 50  # sagas, each of which has something to say
PAUSE_S = 8.0  # longer than a session
KAFKA = f"""
[tool.minuet.kafka]
"queue.buffering.max.messages" = "{QUEUE}"
"""


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    try:
        broker.up(port=network.free_port())
        yield broker
    finally:
        broker.reset()


@pytest.fixture
def run(broker: Broker, tmp_path: Path) -> Iterator[OrdersRun]:
    with orders_run(tmp_path, broker.running() or "") as run:
        project = tmp_path / "pyproject.toml"
        text = project.read_text(encoding="utf-8").replace("unhurried:orders", "unhurried:slow")
        project.write_text(text + KAFKA, encoding="utf-8")
        yield run


def said_between(bootstrap: str, since_ms: int, until_ms: int) -> int:
    """How many outcomes workers had to say in that time, by their own clocks."""
    found = 0
    for message in snapshot(Connection(bootstrap), "orders.events"):
        record = record_of(message)
        said_ms = datetime.fromisoformat(record.text(TIME)).timestamp() * 1000
        found += bool(record.slot) and since_ms < said_ms < until_ms
    return found


def test_what_no_queue_has_room_for_is_kept_and_nothing_is_lost(
    broker: Broker, run: OrdersRun
) -> None:
    run.start_ready()
    pid = broker.status().pid
    with Observer(run.bootstrap) as observer, Upstream(run.bootstrap, 1_000, 300) as upstream:
        until("many are in flight", lambda: observer.in_flight_now() >= MANY)
        os.kill(pid, signal.SIGSTOP)
        paused = now_ms()
        try:
            time.sleep(PAUSE_S)
        finally:
            resumed = now_ms()
            os.kill(pid, signal.SIGCONT)
        all_is_well(run, observer, upstream)
    held = said_between(run.bootstrap, paused, resumed)
    print(f"{held} outcomes were to be said while nothing was acknowledged")  # noqa: T201
    assert held > QUEUE * PRODUCERS, "the queues were never full"
    assert held >= IN_FLIGHT_LEAST
