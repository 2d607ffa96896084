"""A table made anew under load, twice at once, while a worker is killed: nothing is done twice."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from minuet.dev import Broker, network
from minuet.kafka.connection import Connection
from minuet.kafka.reading import snapshot
from minuet.verify.rows import read_row
from tests.integration.orders_run import Observer, OrdersRun, Upstream, orders_run, until
from tests.integration.test_kill import all_is_well
from tests.integration.test_verify import packed

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

SPOILT = 200  # rows


@pytest.fixture
def run(tmp_path: Path) -> Iterator[OrdersRun]:
    broker = Broker(tmp_path)
    try:
        broker.up(port=network.free_port())
        with orders_run(tmp_path, broker.running() or "") as run:
            yield run
    finally:
        broker.reset()


def spoil(bootstrap: str) -> int:
    """Write wrong rows behind the workers' backs; returns how many."""
    place, dice = Connection(bootstrap), random.Random(7)
    rows = {m.key(): m for m in snapshot(place, "orders.sagas") if m.value() is not None}
    producer = place.producer()
    chosen = dice.sample(sorted(key for key in rows if key), min(SPOILT, len(rows)))
    for number, key in enumerate(chosen):
        message = rows[key]
        row = read_row(message.value() or b"")
        otherwise = "compensated" if row["status"] == "completed" else "completed"
        value = (packed({**row, "status": otherwise}), b"", None)[number % 3]
        partition = message.partition() or 0
        producer.produce("orders.sagas", value, key, partition)
        producer.produce("orders.sagas", message.value(), b"nobody-" + key, partition)
    producer.flush()
    return len(chosen)


def test_rows_are_put_right_and_nothing_is_done_twice(run: OrdersRun) -> None:
    run.start_ready()
    victim = run.start_ready()
    with Observer(run.bootstrap) as observer, Upstream(run.bootstrap, 2_000, 150) as upstream:
        until("some have ended", lambda: observer.in_flight >= 0 and len(observer.sagas) > 500)
        assert spoil(run.bootstrap) == SPOILT
        two = [run.asked("rebuild", "orders", "--why", f"test {n}", "--yes") for n in range(2)]
        until("one is asked for", lambda: b"RebuildTable" in asked(run.bootstrap))
        victim.end(signal.SIGKILL)
        run.start()
        said = [process.communicate(timeout=240)[0] for process in two]
        all_is_well(run, observer, upstream)
    for text, process in zip(said, two, strict=True):
        assert process.returncode == 0, text
        assert "made anew from the log" in text
    table = {m.key(): m.value() for m in snapshot(Connection(run.bootstrap), "orders.sagas")}
    assert not [
        key for key, row in table.items() if row is not None and (key or b"").startswith(b"nobody")
    ]


def asked(bootstrap: str) -> set[object]:
    """The types of records on the log that belong to no saga."""
    return {
        dict(message.headers() or ())["ce_type"]
        for message in snapshot(Connection(bootstrap), "orders.events")
        if not message.key()
    }
