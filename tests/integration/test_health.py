"""Health, metrics and log lines of a real worker, as those who watch it see them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from minuet.dev import network
from tests.integration.killers import Killers
from tests.integration.refusals import Worker

pytestmark = pytest.mark.kafka

PATIENCE_S = 120.0
LABELS = {"workflow", "partition", "state", "type", "category", "status", "kind", "breaker"}


@pytest.fixture
def project(tmp_path: Path, kafka: str) -> Killers:
    project = Killers(tmp_path, kafka)
    project.apply()
    return project


@pytest.fixture
def worker(project: Killers) -> Iterator[Worker]:
    worker = project.begin("--http", "0", "--verbose")
    yield worker
    worker.end()


def get(address: str, path: str) -> httpx.Response:
    return httpx.get(f"http://{address}/{path}", timeout=PATIENCE_S)


def figures(address: str) -> dict[tuple[str, str], float]:
    """Each sample, by its name and the label that is not the workflow's."""
    text = get(address, "metrics").text
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if family.name.startswith("minuet_"):
                assert sample.labels.keys() <= LABELS, sample
                labels = [v for n, v in sample.labels.items() if n != "workflow"]
                found[sample.name, "".join(labels)] = sample.value
    return found


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_the_figures_are_those_of_what_was_done(project: Killers, worker: Worker) -> None:
    address = worker.says("ready")["http"]
    project.send(**{f"p{n}": "kindly" for n in range(5)}, bad="bug")
    project.ended(6)
    until(lambda: figures(address).get(("minuet_incidents_open", "gave-up")))
    until(lambda: figures(address).get(("minuet_sagas_live", "running")) == 1)  # counted anew
    until(lambda: not sum(v for (n, _), v in figures(address).items() if "lag" in n or "age" in n))
    found = figures(address)
    assert found["minuet_ready", ""] == 1
    assert found["minuet_partitions", "assigned"] == found["minuet_partitions", "restored"] == 3
    assert found["minuet_events_said_total", "LetterRead"] == 5
    assert found["minuet_events_said_total", "LetterCarried"] == 5
    assert found["minuet_give_ups_total", ""] == found["minuet_dead_letters_total", "bug"] == 1
    assert found["minuet_handlers_in_flight", ""] == found["minuet_append_failures_total", ""] == 0
    assert found["minuet_sagas_live", "running"] == 1
    assert found["minuet_restores_total", ""] == 3
    assert found["minuet_crash_suspects", "quarantined"] == 0
    for path, body in (
        ("live", {"live": True}),
        ("ready", {"ready": True, "lacks": ""}),
    ):
        answer = get(address, path)
        assert (answer.status_code, answer.json()) == (200, body)
    assert get(address, "sagas").status_code == 404


def test_log_lines_say_saga_step_and_slot_and_never_what_events_hold(
    project: Killers, worker: Worker
) -> None:
    worker.says("ready")
    project.send(kind="kindly", bad="bug")
    project.ended(2)
    worker.end()
    text = project.errors.read_text()
    lines: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
    own = next(line for line in lines if line["message"] == "on the road with it")
    assert (own["logger"], own["level"], own["wheels"]) == ("minuet.step", "warning", 4)
    assert (own["saga"] in ("kind", "bad"), own["step"]) == (True, "carry_letter")
    assert len(own["slot"]) == 36
    gave_up = next(line for line in lines if line["message"].startswith("gave up (bug)"))
    assert (gave_up["saga"], gave_up["step"]) == ("bad", "carry_letter")
    assert gave_up["level"] == "warning"
    assert any(line["level"] == "info" for line in lines)
    assert "SECRET" not in text


def test_without_a_coordinator_it_lives_and_is_not_ready(project: Killers) -> None:
    port = network.free_port()
    address = f"127.0.0.1:{port}"
    worker = project.begin("--http", str(port), "--only", "weigh_letter")
    try:
        worker.says("no-coordinator")
        assert get(address, "live").status_code == 200
        until(lambda: "no live unit" in get(address, "ready").text)
        assert get(address, "ready").status_code == 503
    finally:
        worker.end()


def test_each_process_has_a_port_of_its_own_and_one_that_is_taken_is_named(
    project: Killers,
) -> None:
    worker = project.begin("--http", "0", "--processes", "2")
    try:
        first, second = worker.says("ready"), worker.says("ready")
        assert first["http"] != second["http"]
        taken = first["http"].rpartition(":")[2]
        code, _, errors = project.run("worker", project.name, "--simulated", "--http", taken)
        assert (code, f"--http {taken}" in errors, "Traceback" in errors) == (2, True, False)
    finally:
        worker.end()
