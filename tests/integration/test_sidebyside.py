"""The bench side by side in small: what it counts, never a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.sidebyside import report
from tests.installed import ROOT

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

PATIENCE_S = 280  # until the test gives up; no bar
SMALL = (
    "--sagas", "50", "--killed", "50", "--flushed", "20", "--one-by-one", "2", "--rounds", "1",
)  # fmt: skip


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.sidebyside", *SMALL, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_a_contestant_loses_nothing_and_a_series_is_not_made_twice(tmp_path: Path) -> None:
    mine = json.loads(run(tmp_path, "--only", "plain", "--json").stdout)["figures"]["plain"]
    assert mine["failed"] == 0
    assert mine["throughput.sagas_per_s"] > 0
    assert mine["latency.p99_ms"] >= mine["latency.p50_ms"] > 0
    assert mine["killed.records_missing"] == mine["killed.unfinished"] == 0
    page = tmp_path / "page.md"
    page.write_text(f"{report.BEGIN}{report.END}\n", encoding="utf-8")
    again = run(tmp_path, "--only", "plain", "--report", str(page))
    assert "throughput" not in again.stderr, "every run of it is known"
    assert "| confluent-kafka, by hand (" in page.read_text(encoding="utf-8")
    assert page.with_suffix(".svg").exists()
