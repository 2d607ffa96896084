"""The ledger that benches and kill tests count effects with."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from bench import effects as effects_file
from bench.effects import Noted
from streams.orders.simulated import SimulatedWarehouse

ROOT = Path(__file__).resolve().parents[3]


def effects(file: Path) -> list[tuple[str, str, str, int]]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute("SELECT * FROM effects ORDER BY key").fetchall()


def test_an_effect_is_one_row_for_each_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "effects.sqlite"
    monkeypatch.setenv(effects_file.VARIABLE, str(file))
    effects_file.write("charge", "order-1", "a")
    effects_file.write("charge", "order-1", "a")
    effects_file.write("refund", "order-1", "b")
    assert effects(file) == [("a", "charge", "order-1", 2), ("b", "refund", "order-1", 1)]


def test_what_was_refused_is_no_effect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "effects.sqlite"
    monkeypatch.setenv(effects_file.VARIABLE, str(file))
    asyncio.run(Noted(SimulatedWarehouse()).reserve("order-1", "lamp", 2, key="a"))
    asyncio.run(Noted(SimulatedWarehouse()).reserve("order-2", "lamp", 99, key="b"))
    assert effects(file) == [("a", "reserve", "order-1", 1)]


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
    monkeypatch.setenv(effects_file.VARIABLE, str(file))
    writers = [subprocess.Popen([sys.executable, "-c", WRITER], cwd=ROOT) for _ in range(3)]
    assert [writer.wait() for writer in writers] == [-9, -9, -9]
    assert [calls for *_, calls in effects(file)] == [3] * 100
