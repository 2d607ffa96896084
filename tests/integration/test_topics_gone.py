"""Topics that are deleted, cut short or made anew under a workflow: told, never passed over."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition

from minuet.kafka.connection import Connection
from minuet.kafka.offsets import watermarks
from tests.integration.in_time import in_time
from tests.integration.refusals import Refusals

pytestmark = pytest.mark.kafka

TOLD_WITHIN_S = 30.0
PATIENCE_S = 60.0


@pytest.fixture
def parcels(tmp_path: Path, kafka: str) -> Refusals:
    project = Refusals(tmp_path, kafka)
    project.apply()
    return project


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def until_ready(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    while b"ready" not in (line := process.stdout.readline()):
        assert line, "it has ended"


def delete(parcels: Refusals, topic: str) -> None:
    place = Connection(parcels.bootstrap)
    admin = place.admin()
    admin.delete_topics([topic])[topic].result(30)
    until(lambda: topic not in place.reach().topics)


def done(parcels: Refusals, **kilos: int) -> None:
    """Have parcels end, and stop the worker."""
    with parcels.worker("--simulated") as worker:
        worker.says("ready")
        parcels.publish(**kilos)
        parcels.ended(len(kilos))


def test_a_log_that_is_deleted_under_a_worker_ends_it_with_its_name(parcels: Refusals) -> None:
    process = parcels.start("worker", parcels.name, "--simulated")
    until_ready(process)
    began = time.monotonic()
    delete(parcels, parcels.topic)
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert in_time(time.monotonic() - began, TOLD_WITHIN_S)
    assert process.returncode == 1
    last = errors.decode().strip().splitlines()[-1]
    assert last.startswith("minuet: ")
    assert parcels.topic in last


def test_a_log_that_was_made_anew_is_not_folded_into_the_old_table(parcels: Refusals) -> None:
    done(parcels, light=3, heavy=30)
    delete(parcels, parcels.topic)
    parcels.apply()
    process = parcels.start("worker", parcels.name, "--simulated")
    _, errors = process.communicate(timeout=PATIENCE_S)
    table = f"{parcels.name}.sagas"
    assert process.returncode == 2
    assert f"minuet: {table} knows partition" in errors.decode()
    assert "the log ends at 0: it was made anew, or lost what was acknowledged" in errors.decode()
    delete(parcels, table)
    parcels.apply()
    done(parcels, light=4)
    found = parcels.found("verify", parcels.name)
    assert (found["ok"], found["sagas"]) == (True, 1)


def test_a_position_that_the_log_no_longer_has_is_told_and_work_goes_on(parcels: Refusals) -> None:
    done(parcels, light=3)
    parcels.publish(one=1, two=2, three=3)
    place = Connection(parcels.bootstrap)
    ends = {number: high for number, (_, high) in watermarks(place, parcels.topic).items()}
    admin = place.admin()
    cut = [TopicPartition(parcels.topic, number, end) for number, end in ends.items()]
    for each in admin.delete_records(cut).values():
        each.result(30)
    process = parcels.start("worker", parcels.name, "--simulated")
    until_ready(process)
    parcels.publish(four=4)
    parcels.ended(1)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert "is not in the log, which has" in errors.decode()
