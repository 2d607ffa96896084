"""`minuet bench` in small: the shape of what it prints, never a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from minuet.bench import figures, repeats, scale, stored
from minuet.bench.place import other_broker
from minuet.kafka.connection import Connection

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

PATIENCE_S = 280  # until a test gives up; no bar
SMALL = ("--sagas", "200", "--runs", "1", "--one-by-one", "5", "--open-loop", "1", "--json")


def run(*arguments: str, **environment: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "minuet", "bench", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_main_bench_has_every_figure_and_uses_no_broker_but_its_own(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("", encoding="utf-8")
    nowhere = "127.0.0.1:1"
    found = run(*SMALL, "--project", str(tmp_path), MINUET_BOOTSTRAP_SERVERS=nowhere)
    missing = [f.path for f in figures.MAIN if figures.value(found, f) == ""]
    assert [path for path in missing if path != "broker.cpu_s" or sys.platform == "linux"] == []
    assert found["throughput"]["outcomes"] == {"SagaCompleted": 190, "SagaCompensated": 10}
    assert found["throughput"]["events"] == 190 * 6 + 10 * 9
    assert found["floor"]["events"] == found["throughput"]["events"]
    assert found["floor"]["written"] == found["floor"]["events"] - 200
    assert found["floor"]["acked"] == found["floor"]["written"] + found["floor"]["rows"]
    assert found["open_loop"]["sagas"] == 200
    assert found["load"]["cpus"] == os.cpu_count()
    assert found["verify"]["ok"]
    assert found["verify"]["live"] == 0
    left = [entry.name for entry in (tmp_path / ".minuet" / "bench").rglob("*") if entry.is_file()]
    assert left == ["lock"], "the broker and its data are gone"


def test_the_shipped_workflow_can_be_measured(kafka: str) -> None:
    found = run(*SMALL, "--workflow", "orders", "--bootstrap", kafka)
    assert sum(found["throughput"]["outcomes"].values()) == 200
    assert found["verify"]["ok"]
    assert found["broker"]["cpu_s"] is None, "it is not ours to know"


def test_a_worker_restores_live_and_ended_rows(kafka: str) -> None:
    with other_broker(Connection(kafka)) as place:
        found = {"restore": stored.measure(place, live=300, ended=2_000)}
    assert (found["restore"]["live"], found["restore"]["ended"]) == (300, 2_000)
    assert all(figures.value(found, figure) for figure in figures.STORED)


def test_two_processes_are_compared_with_one(kafka: str) -> None:
    with other_broker(Connection(kafka)) as place:
        found = {"parallel": scale.parallel(place, 100)}
    assert all(figures.value(found, figure) for figure in figures.PARALLEL)


def test_sagas_beside_a_slow_one_are_compared(kafka: str) -> None:
    with other_broker(Connection(kafka)) as place:
        found = {"slow": scale.slow(place, 3, slow_ms=500)}
    assert all(figures.value(found, figure) for figure in figures.SLOW)
    assert found["slow"]["slow_saga_ms"] >= 500


def test_what_a_kill_makes_run_again_is_counted(kafka: str) -> None:
    with other_broker(Connection(kafka)) as place:
        found = repeats.measure(place, runs=1, sagas=400)
    assert found["steps"] == 380 * 4 + 20 * 5
    assert found["killed_at_percent"][0] >= 40
    assert found["wrong"] == {"effective_twice": 0, "ended_twice": 0, "differing": 0}
    assert all(figures.value({"repeats": found}, figure) for figure in figures.REPEATS)
