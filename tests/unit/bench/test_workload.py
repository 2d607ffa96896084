"""What a bench runs can be handed to another process, and has topics of its own."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from pathlib import Path

import pytest

from minuet.bench.reference.saga import orders
from minuet.bench.workload import Job, Workload
from minuet.errors import UsageError
from minuet.kafka.connection import Connection

ROOT = Path(__file__).parents[3]
ORDERS = Workload("orders", str(ROOT), str(ROOT / "examples" / "orders.jsonl"))


def test_a_job_reads_back_as_it_was_written() -> None:
    workload = Workload("orders", "here", "orders.jsonl", wait_ms=20)
    place = Connection("localhost:1", {"sasl.username": "ann"})
    job = Job.on(place, workload, "orders-1", 50)
    assert Job.read(json.dumps(asdict(job))) == job


def test_a_workload_runs_on_topics_of_its_own() -> None:
    spec = Workload().on("reference-x").spec
    assert (spec.log_topic, spec.table_topic) == ("reference-x.events", "reference-x.sagas")
    assert spec.version == Workload().on("reference-y").spec.version


def test_begin_events_of_the_reference_saga_are_numbered() -> None:
    workload = Workload()
    assert list(workload.begin(workload.on("x"), 2, first=3)) == orders(2, first=3)


def test_begin_events_of_a_project_are_taken_round_and_round_with_new_keys() -> None:
    events = list(ORDERS.begin(ORDERS.on("x"), 1_002))
    keys = [event.model_dump()["order_id"] for event in events]
    assert len(set(keys)) == 1_002
    assert events[1_000].model_copy(update={"order_id": keys[0]}) == events[0]


def test_a_missing_file_of_begin_events_is_named(tmp_path: Path) -> None:
    workload = Workload("orders", str(ROOT), str(tmp_path / "none.jsonl"))
    with pytest.raises(UsageError, match=r"none\.jsonl: .*--file"):
        list(workload.begin(workload.on("x"), 1))


def test_only_the_first_step_of_the_slow_saga_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    steps = Workload(slow_saga="order-2", slow_ms=10_000).on("x").steps
    first, second = orders(2)
    asyncio.run(steps["reserve_stock"].function(order=first))
    reserved = asyncio.run(steps["reserve_stock"].function(order=second))
    asyncio.run(steps["charge_payment"].function(reserved=reserved))
    assert slept == [10.0]
