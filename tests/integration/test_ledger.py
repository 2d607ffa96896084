"""The ledger of effects, while those who write to it are killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench import effects
from tests.unit.bench.test_effects import effects as rows_of

ROOT = Path(__file__).parents[2]

WRITER = """
import os, signal, sys
from bench import effects
for number in range(100):
    effects.write("charge", "order-1", f"{number}")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_several_processes_write_and_die_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "effects.sqlite"
    monkeypatch.setenv(effects.VARIABLE, str(file))
    writers = [subprocess.Popen([sys.executable, "-c", WRITER], cwd=ROOT) for _ in range(3)]
    assert [writer.wait() for writer in writers] == [-9, -9, -9]
    assert [calls for *_, calls in rows_of(file)] == [3] * 100
