"""docker-compose.yml brought up for real: its first order, a coordinator killed, both logs."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from deploy.compose_check import FIRST_S
from deploy.composed import BASE, compose_command
from tests.installed import ROOT

KAFKA = "apache/kafka:4.4.0"
ADDS_MB = 120
PATIENCE_S = 900
pytestmark = pytest.mark.timeout(PATIENCE_S)


def lacks() -> str:
    """Why it cannot be brought up here; empty when it can."""
    if not (compose := compose_command()):
        return "no Docker Compose"
    for words in (["info"], ["image", "inspect", KAFKA], ["image", "inspect", BASE]):
        done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
        if done.returncode:
            return f"{compose[0]} {' '.join(words)}: {done.stderr.strip().splitlines()[-1]}"
    return ""


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """What the check found, of which everything is gone again."""
    if why := lacks():
        pytest.skip(f"{why}; deploy/ci/docker.sh makes what is missing")
    done = subprocess.run(
        [sys.executable, "deploy/compose_check.py", "--kill", "coordinator", "--json"],
        cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def test_the_image_adds_little_to_its_base(found: dict[str, Any]) -> None:
    assert 0 < found["image"]["adds_mb"] < ADDS_MB


def test_an_order_is_completed_soon_after_the_start(found: dict[str, Any]) -> None:
    assert found["first_completed_s"] < FIRST_S


def test_a_coordinator_that_is_killed_loses_nothing(found: dict[str, Any]) -> None:
    (killed,) = found["kills"]
    assert killed["live"] > 0
    orders = found["orders"]
    assert orders["completed"] + orders["compensated"] == orders["sagas"] > killed["published"]
    for workflow in ("orders", "refunds"):
        assert found[workflow]["ok"]
        assert found[workflow]["ledger"]["ok"]
        assert found[workflow]["ledger"]["effects"] > 0
