"""What a demo counts, without a broker."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from minuet.demo.publishing import orders_of
from minuet.demo.result import Ended, Outcome, Result, StepTime, percentile
from minuet.demo.troubles import Moment, Troubles, moments
from minuet.demo.watching import Watch
from minuet.errors import UsageError
from minuet.event.record import CAUSES, STEP, Record
from minuet.verify import Report
from minuet.verify.effects import Effects
from tests.unit.core.story import ORDERS

BEGAN = 1_700_000_000_000


def record(key: str, kind: str, after_ms: int, *, step: str = "", causes: str = "") -> Record:
    headers = {STEP: step.encode(), CAUSES: causes.encode()} if step else {}
    slot = f"{key}-{step}" if step else ""
    return Record(key, 0, BEGAN + after_ms, f"{key}-{kind}", kind, slot, b"", headers)


def watched() -> Watch:
    watch = Watch(ORDERS, "run")
    for each in (
        record("run-1", "OrderPlaced", 0),
        record("older-1", "OrderPlaced", 1),
        record("run-2", "OrderPlaced", 1000),
        record("run-1", "StockReserved", 10, step="reserve_stock", causes="run-1-OrderPlaced"),
        record("run-2", "StepRetrying", 1004, step="reserve_stock", causes="run-2-OrderPlaced"),
        record("run-2", "StockReserved", 1030, step="reserve_stock", causes="run-2-OrderPlaced"),
        record("run-2", "StockReserved", 1030, step="reserve_stock", causes="run-2-OrderPlaced"),
        record("run-1", "SagaCompleted", 20),
        record("run-2", "PaymentDeclined", 1020),
        record("run-2", "OrderExpired", 1025),
        record("older-1", "SagaCompleted", 1030),
        record("run-2", "SagaCompensated", 1040),
        record("run-2", "SagaCompensated", 9000),
    ):
        watch.take(each)
    return watch


def test_orders_of_the_run_are_counted_by_what_ended_them_first() -> None:
    watch = watched()
    assert (watch.begun, watch.ended, watch.completed, watch.seconds) == (2, 2, 1, 1.04)
    assert [(o.name, o.sagas, o.p50_ms, o.p99_ms) for o in watch.outcomes()] == [
        ("completed", 1, 20, 20),
        ("PaymentDeclined", 1, 40, 40),
    ]
    assert watch.examples == {"completed": "run-1", "PaymentDeclined": "run-2"}


def test_a_step_takes_from_what_it_needed_to_its_first_answer() -> None:
    found = {step.name: step for step in watched().steps()}
    assert found["reserve_stock"] == StepTime("reserve_stock", 2, 1, 30, 30, 0.0)
    assert found["charge_payment"] == StepTime("charge_payment", 0, 0, 0, 0, 0.0)


def test_what_was_under_way_at_a_moment_is_known_afterwards() -> None:
    watch = watched()
    assert [watch.in_flight(BEGAN + ms) for ms in (0, 10, 500, 1010, 2000)] == [0, 1, 0, 1, 0]


def test_the_silence_of_a_partition_is_its_longest_gap_around_the_kill() -> None:
    watch = Watch(ORDERS, "run")
    for number, (at, partition) in enumerate(
        [(100, 0), (900, 1), (1_050, 0), (1_100, 1), (6_050, 0), (3_100, 1), (9_000, 2), (9_900, 0)]
    ):
        one = record(f"run-{number}", "StockReserved", at, step="reserve_stock", causes="none")
        watch.take(one, partition)
    assert watch.silence_ms({0, 1}, BEGAN + 1_000) == 5_000
    assert watch.silence_ms({1}, BEGAN + 1_000) == 2_000
    assert watch.silence_ms({2, 5}, BEGAN + 1_000) == 0


def test_the_moments_follow_from_the_seed_and_lie_in_the_midst() -> None:
    drawn = moments(7)
    assert drawn == moments(7) != moments(8)
    assert sorted(moment.what for moment in drawn) == ["kill", "outage", "rotten"]
    every = [moment.share for seed in range(200) for moment in moments(seed)]
    assert 0.15 <= min(every) < 0.2 < 0.8 < max(every) <= 0.85


def test_trouble_is_made_once_and_when_its_share_of_the_orders_is_placed() -> None:
    told: list[str] = []
    due = [Moment(0.2, "outage"), Moment(0.5, "kill"), Moment(0.5, "rotten")]
    makers = {what: partial("{}!".format, what) for what in ("kill", "outage", "rotten")}
    troubles = Troubles(due, makers, told.append)
    said = []
    for share in (0.0, 0.1, 0.3, 0.4, 0.9, 1.0):
        troubles.look(share)
        said.append(list(told))
    all_of_it = ["outage!", "kill!", "rotten!"]
    assert said == [[], [], all_of_it[:1], all_of_it[:1], all_of_it, all_of_it]
    assert [trouble.text for trouble in troubles.happened] == all_of_it


def ended(sagas: int, completed: int) -> Ended:
    outcomes = (Outcome("completed", completed, 1, 2),)
    return Ended(sagas, outcomes, (), {}, Effects("orders"), Report("orders"))


@pytest.mark.parametrize(
    ("orders", "letters", "done", "ok"),
    [(2, 3, 2, True), (3, 3, 2, False), (2, 2, 2, False), (2, 3, 1, False)],
)
def test_all_is_well_when_all_ended_and_nothing_rotten_is_lost(
    orders: int, letters: int, done: int, ok: bool
) -> None:
    workflows = {"orders": ended(2, done), "refunds": ended(0, 0)}
    result = Result("run", "kafka", 7, orders, 1.0, 2.0, (), None, 3, letters, workflows)
    assert (result.ok, result.as_dict()["ok"]) == (ok, ok)
    json.dumps(result.as_dict())


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
