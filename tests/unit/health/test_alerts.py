"""The alerts do what their own unit tests say, by Prometheus' promtool."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "deploy" / "prometheus"
RULES, TESTS = FOLDER / "minuet-alerts.yml", FOLDER / "minuet-alerts-test.yml"
IMAGE = "prom/prometheus"


def promtool() -> list[str]:
    """How to call it: what is installed, or the image that the machine has; empty for neither."""
    if shutil.which("promtool"):
        return ["promtool"]
    look = ["docker", "image", "inspect", IMAGE]
    if shutil.which("docker") and not subprocess.run(look, capture_output=True).returncode:
        mount = ["-v", f"{FOLDER}:/alerts:ro", "-w", "/alerts"]
        return ["docker", "run", "--rm", *mount, "--entrypoint", "promtool", IMAGE]
    return []


def test_every_alert_is_tested() -> None:
    alerts = re.findall(r"- alert: (\w+)", RULES.read_text(encoding="utf-8"))
    tested = re.findall(r"alertname: (\w+)\n +exp_alerts", TESTS.read_text(encoding="utf-8"))
    assert sorted(alerts) == sorted(tested)


@pytest.mark.slow
@pytest.mark.parametrize("words", [("check", RULES.name), ("test", TESTS.name)], ids=lambda w: w[0])
def test_the_alerts_pass_their_tests(words: tuple[str, str]) -> None:
    if not (command := promtool()):
        pytest.skip("no promtool: install Prometheus, or docker pull prom/prometheus")
    verb, file = words
    done = subprocess.run(
        [*command, verb, "rules", file], cwd=FOLDER, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
