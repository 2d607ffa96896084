"""What a demo counts, without a broker."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from minuet.demo import ledger
from minuet.demo.publishing import orders_of
from minuet.demo.result import percentile
from minuet.demo.watching import Watch
from minuet.errors import UsageError
from minuet.event.record import Record
from tests.unit.core.story import ORDERS

BEGAN = 1_700_000_000_000


def record(key: str, event_type: str, after_ms: int, slot: str = "") -> Record:
    return Record(key, 0, BEGAN + after_ms, f"{key}-{event_type}", event_type, slot, b"", {})


def watched() -> Watch:
    watch = Watch(ORDERS, "run")
    watch.take(
        [
            record("run-1", "OrderPlaced", 0),
            record("older-1", "OrderPlaced", 1),
            record("run-2", "OrderPlaced", 1000),
            record("run-1", "StockReserved", 10, "slot-1"),
            record("run-2", "StockReserved", 1010, "slot-2"),
            record("run-1", "SagaCompleted", 20),
            record("run-2", "PaymentDeclined", 1020),
            record("run-2", "OrderExpired", 1025),
            record("older-1", "SagaCompleted", 1030),
            record("run-2", "StockReleased", 1035, "slot-3"),
            record("run-2", "SagaCompensated", 1040),
            record("run-2", "SagaCompensated", 9000),
        ]
    )
    return watch


def test_orders_of_the_run_are_counted_by_what_ended_them_first() -> None:
    watch = watched()
    assert (watch.begun, watch.ended, watch.completed, watch.seconds) == (2, 2, 1, 1.04)
    assert [(o.name, o.orders, o.p50_ms, o.p99_ms) for o in watch.outcomes()] == [
        ("completed", 1, 20, 20),
        ("PaymentDeclined", 1, 40, 40),
    ]
    assert watch.examples == {"completed": "run-1", "PaymentDeclined": "run-2"}


def test_the_ledger_is_held_against_the_log_both_ways(tmp_path: Path) -> None:
    file = tmp_path / "ledger.sqlite"
    ledger.create(file)
    with closing(sqlite3.connect(file, isolation_level=None)) as kept:
        kept.execute("CREATE TABLE effects (key, effect, order_id, calls)")
        kept.executemany(
            "INSERT INTO effects VALUES (?, ?, '', ?)",
            [("slot-1", "reserve", 1), ("slot-2", "reserve", 2), ("slot-9", "charge", 1)],
        )
    found = ledger.check(file, watched().effects)
    assert (found.effects, found.called_again, found.missing, found.unsaid) == (3, 1, 1, 1)
    assert not found.ok


def test_no_ledger_is_every_effect_missing(tmp_path: Path) -> None:
    assert ledger.check(tmp_path / "none", watched().effects).missing == 3


def test_each_run_has_order_ids_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "orders.jsonl"
    file.write_text('{"order_id": "1", "total": "2.50"}\n\n{"order_id": "2"}\n')
    lines = [json.loads(line) for line in orders_of(file, "order_id", "ab12")]
    assert lines == [{"order_id": "ab12-1", "total": "2.50"}, {"order_id": "ab12-2"}]


@pytest.mark.parametrize("text", ["no JSON\n", '{"id": 1}\n', "7\n"])
def test_a_file_that_holds_no_orders_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "orders.jsonl"
    file.write_text(text)
    with pytest.raises(UsageError, match=r"not JSON lines with the field 'order_id'"):
        orders_of(file, "order_id", "ab12")
    with pytest.raises(UsageError, match="No such file"):
        orders_of(tmp_path / "none", "order_id", "ab12")


def test_percentiles_are_of_the_nearest_rank() -> None:
    values = [float(number) for number in range(1, 101)]
    assert (percentile(values, 50), percentile(values, 99), percentile([], 50)) == (51, 100, 0)
