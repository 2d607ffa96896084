"""What starts a broker of its own touches no other, whatever the environment names.

`minuet demo` has the same trap in its own tests.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from minuet.dev import Broker

pytestmark = pytest.mark.kafka

ROOT = Path(__file__).parents[2]
PATIENCE_S = 240
BENCH = ("bench", "--sagas", "40", "--runs", "1", "--one-by-one", "2", "--open-loop", "1")

LOGIN = {  # at somebody else's broker: our own would not understand it
    "MINUET_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
    "MINUET_KAFKA__SASL_MECHANISM": "PLAIN",
    "MINUET_KAFKA__SASL_USERNAME": "ann",
    "MINUET_KAFKA__SASL_PASSWORD": "secret",
}


class Trap:
    """Somebody else's broker: it notices whoever connects, and never answers."""

    def __init__(self, listener: socket.socket) -> None:
        self.address = f"127.0.0.1:{listener.getsockname()[1]}"
        self._listener = listener

    @property
    def was_touched(self) -> bool:
        """Whether anybody has connected."""
        try:
            self._listener.accept()[0].close()
        except BlockingIOError:
            return False
        return True


@contextmanager
def trap() -> Iterator[Trap]:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        listener.setblocking(False)
        yield Trap(listener)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(settings, encoding="utf-8")
    yield tmp_path
    Broker(tmp_path).reset()


def run(*arguments: str, names: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=ROOT, env={**os.environ, "MINUET_BOOTSTRAP_SERVERS": names, **more},
        capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip


def untouched(*arguments: str) -> str:
    """Run a command that must do well without the broker that the environment names."""
    with trap() as other:
        done = run(*arguments, names=other.address, **LOGIN)
        assert done.returncode == 0, done.stdout + done.stderr
        assert not other.was_touched, arguments
    return done.stdout


def test_a_command_that_means_the_broker_of_the_environment_does_connect_there() -> None:
    with trap() as other:
        done = run("minuet", "topics", "plan", "orders", names=other.address)
        assert done.returncode == 1
        assert other.address in done.stderr
        assert other.was_touched, "or the other tests would prove nothing"


def test_dev_starts_and_stops_its_own(folder: Path) -> None:
    for command in ("up", "status", "reset", "up", "down"):
        untouched("minuet", "dev", command, "--project", str(folder))


def test_bench_measures_its_own(folder: Path) -> None:
    assert "sagas/s" in untouched("minuet", *BENCH, "--project", str(folder))


def test_the_tests_use_their_own() -> None:
    some = ("tests/integration/test_topics.py", "-k", "what_one_process_registers")
    said = untouched("pytest", "-q", "-p", "no:cacheprovider", *some)
    assert "passed" in said
    assert "skipped" not in said
