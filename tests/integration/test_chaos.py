"""`minuet chaos` on a real Kafka, broken off and gone on with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from minuet.dev import Broker
from minuet.engines.failpoints import PLACES

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(1_200)]

ROOT = Path(__file__).parents[2]
PATIENCE_S = 280.0
PYPROJECT = """
[tool.minuet.workflows.orders]
saga = "coordinators.orders:orders"
steps = ["streams.orders"]

[tool.minuet.workflows.refunds]
saga = "coordinators.refunds:refunds"
steps = ["streams.refunds"]
"""


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            sys.executable, "-m", "minuet", "chaos", "orders", "--rate", "20", "--seed", "98",
            "--every", "4", "--file", str(ROOT / "examples" / "orders.jsonl"),
            "--project", str(folder), *arguments,
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def kept(run: subprocess.Popen[str]) -> dict[str, Any]:
    """What a run says at its end: that it has kept every promise."""
    out, errors = run.communicate(timeout=PATIENCE_S)
    found: dict[str, Any] = json.loads(out)
    assert (run.returncode, found["ok"], found["violations"]) == (0, True, []), errors
    return found


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    yield tmp_path
    Broker(tmp_path / ".minuet" / "chaos").reset()


def test_a_run_keeps_its_promises_and_is_gone_on_with_after_ctrl_c(project: Path) -> None:
    kinds = ("kill", "broker-kill", "cut")
    options = [f"--only={kind}" for kind in kinds]
    first = start(project, *options, "--minutes", "0.4")
    assert first.stderr
    while "!" not in first.stderr.readline():  # a fault
        assert first.poll() is None
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=PATIENCE_S)
    assert first.returncode == 130
    assert Broker(project / ".minuet" / "chaos").running() is None
    sent = json.loads((project / ".minuet" / "chaos" / "state.json").read_text())["sent"]

    for minutes in ("0.4", "0.8", "1.2"):  # a busy machine has come to fewer faults by then
        found = kept(start(project, *options, "--minutes", minutes, "--resume", "--json"))
        if found["faults"].keys() == set(kinds):
            break
    assert found["faults"].keys() == set(kinds)
    assert max(of["in_flight_least"] for of in found["faults"].values()) > 0
    assert found["acked"] > sent > 0
    assert found["effects"] > found["ended"]["SagaCompleted"] > 0 == found["lost"]


def test_a_worker_dies_at_each_place_and_every_promise_is_kept(project: Path) -> None:
    options = ("--only", "failpoint", "--json")
    found = kept(start(project, *options, "--minutes", "1.5"))
    for minutes in ("2.5", "3.5"):  # a busy machine has come to fewer places by then
        if found["failpoints_left"]:
            found = kept(start(project, *options, "--minutes", minutes, "--resume"))
    assert found["failpoints_left"] == []
    assert found["faults"].keys() == {f"failpoint {place}" for place in PLACES}
    assert found["asked_again"] > 0 == found["lost"]
