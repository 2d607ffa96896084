"""`minuet chaos` on a real Kafka, broken off and gone on with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from minuet.dev import Broker

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

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
            sys.executable, "-m", "minuet", "chaos", "orders", "--minutes", "0.4", "--rate", "20",
            "--every", "4", "--seed", "8", "--only", "kill", "--only", "broker-kill",
            "--file", str(ROOT / "examples" / "orders.jsonl"), "--project", str(folder), *arguments,
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def test_a_run_keeps_its_promises_and_is_gone_on_with_after_ctrl_c(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    first = start(tmp_path)
    try:
        assert first.stderr
        while "!" not in first.stderr.readline():  # a fault
            assert first.poll() is None
        first.send_signal(signal.SIGINT)
        first.communicate(timeout=PATIENCE_S)
        assert first.returncode == 130
        assert Broker(tmp_path / ".minuet" / "chaos").running() is None
        sent = json.loads((tmp_path / ".minuet" / "chaos" / "state.json").read_text())["sent"]

        second = start(tmp_path, "--resume", "--json")
        out, errors = second.communicate(timeout=PATIENCE_S)
        found = json.loads(out)
        assert (second.returncode, found["ok"], found["violations"]) == (0, True, []), errors
        assert found["faults"].keys() == {"kill", "broker-kill"}
        assert max(of["in_flight_least"] for of in found["faults"].values()) > 0
        assert found["acked"] > sent > 0
        assert found["effects"] > found["ended"]["SagaCompleted"] > 0 == found["lost"]
    finally:
        Broker(tmp_path / ".minuet" / "chaos").reset()
