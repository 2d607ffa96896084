"""`minuet chaos orders` as a process, and what it says at its end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PATIENCE_S = 500.0
LOAD = ("--rate", "30", "--latency-ms", "400")  # more than 20 sagas are in flight
PYPROJECT = """
[tool.minuet.workflows.orders]
saga = "coordinators.orders:orders"
steps = ["streams.orders"]

[tool.minuet.workflows.refunds]
saga = "coordinators.refunds:refunds"
steps = ["streams.refunds"]
"""


def prepare(folder: Path) -> None:
    """Make it a project with the shipped workflows."""
    (folder / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a run in a project."""
    return subprocess.Popen(
        [
            sys.executable, "-m", "minuet", "chaos", "orders", *LOAD, "--seed", "98",
            "--file", str(ROOT / "examples" / "orders.jsonl"), "--project", str(folder), *arguments,
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def kept(run: subprocess.Popen[str]) -> dict[str, Any]:
    """What a run says at its end: that it has kept every promise, and that its faults hit."""
    out, errors = run.communicate(timeout=PATIENCE_S)
    assert out, errors
    found: dict[str, Any] = json.loads(out)
    assert "ok" in found, (found, errors)
    assert (run.returncode, found["ok"], found["violations"]) == (0, True, []), errors
    assert found["lost"] == 0 < found["acked"]
    assert (
        found["effects"] > found["ended"]["SagaCompleted"] > 0 < found["ended"]["SagaCompensated"]
    )
    hit = [fault for fault in found["each_fault"] if fault["in_flight"] >= found["hit_least"]]
    assert 2 * len(hit) > len(found["each_fault"]), "most faults hit next to nothing"
    assert min(fault["in_flight"] for fault in found["each_fault"]) > 0
    return found
