"""The wheel alone, in an empty environment outside the clone, with a copy of the `orders` project.

It installs from the package index, so it is marked `slow` and `make test` leaves it out, but not
where `CI` is set; by hand: `pytest -m slow`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
FOLDERS = ("schemas", "streams", "coordinators", "examples")
SETTINGS = re.compile(r"^\[tool\.minuet.*?(?=^#|^\[(?!tool\.minuet)|\Z)", re.MULTILINE | re.DOTALL)
PATIENCE_S = 300


class Installed:
    """An environment that has the wheel and its extra `dev`, and a project folder."""

    def __init__(self, folder: Path) -> None:
        self.project = folder / "project"
        self._bin = folder / "environment" / "bin"
        wheel = self._build(folder)
        self._run(sys.executable, "-m", "venv", str(self._bin.parent))
        self._run(str(self._bin / "pip"), "install", "--quiet", f"{wheel}[dev]")
        self.project.mkdir()
        for name in FOLDERS:
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, self.project / name, ignore=ignored)
        text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        settings = "".join(SETTINGS.findall(text))
        (self.project / "pyproject.toml").write_text(settings, encoding="utf-8")

    def minuet(self, *arguments: str) -> str:
        """Run a command in the project; it must do well."""
        return self._run(str(self._bin / "minuet"), *arguments, cwd=self.project)

    def json(self, *arguments: str) -> dict[str, Any]:
        """Run a command and return what it prints."""
        found: dict[str, Any] = json.loads(self.minuet(*arguments, "--json"))
        return found

    @contextmanager
    def worker(self) -> Iterator[subprocess.Popen[str]]:
        """A worker, until the end of the block or the test's own signal."""
        command = [str(self._bin / "minuet"), "worker", "orders", "--simulated"]
        with subprocess.Popen(
            command, cwd=self.project, env=self._environment(), stdout=subprocess.PIPE, text=True
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def where(self) -> str:
        """Which `minuet` is imported there."""
        says = "import minuet; print(minuet.__file__)"
        return self._run(str(self._bin / "python"), "-c", says, cwd=self.project).strip()

    def _build(self, folder: Path) -> Path:
        place = str(folder / "dist")
        self._run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", place, cwd=ROOT)
        (wheel,) = (folder / "dist").glob("minuet-*.whl")
        return wheel

    def _environment(self) -> dict[str, str]:
        """Nothing of the environment that the tests run in."""
        ours = ("PYTHONPATH", "VIRTUAL_ENV", "MINUET_BOOTSTRAP_SERVERS", "JAVA_HOME")
        kept = {name: value for name, value in os.environ.items() if name not in ours}
        return {**kept, "PATH": f"{self._bin}{os.pathsep}{os.defpath}"}

    def _run(self, *command: str, cwd: Path | None = None) -> str:
        done = subprocess.run(
            command, cwd=cwd, env=self._environment(), capture_output=True, text=True,
            timeout=PATIENCE_S, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Installed]:
    installed = Installed(tmp_path)
    yield installed
    installed.minuet("dev", "reset")


def test_a_thousand_orders_go_through_the_wheel_alone(installed: Installed) -> None:
    assert installed.where().startswith(str(installed.project.parent))
    installed.minuet("dev", "up")
    installed.minuet("topics", "apply", "orders")
    with installed.worker() as worker:
        assert worker.stdout is not None
        assert "ready" in worker.stdout.readline()
        file = ("--file", "examples/orders.jsonl")
        assert installed.json("publish", "orders", "OrderPlaced", *file)["published"] == 1_000
        deadline = time.monotonic() + PATIENCE_S
        while (report := installed.json("verify", "orders"))["live"]:
            assert time.monotonic() < deadline, report
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(PATIENCE_S) == 0
    report = installed.json("verify", "orders")
    assert report["ok"]
    assert report["sagas"] == report["completed"] + report["compensated"] == 1_000
    assert report["compensated"] > 0
    installed.minuet("dev", "down")
