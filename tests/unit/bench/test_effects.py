"""The ledger that benches and kill tests count effects with."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bench import effects as effects_file
from bench.effects import Around, note
from streams.orders.simulated import SimulatedWarehouse


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
    asyncio.run(Around(SimulatedWarehouse(), note).reserve("order-1", "lamp", 2, key="a"))
    asyncio.run(Around(SimulatedWarehouse(), note).reserve("order-2", "lamp", 99, key="b"))
    assert effects(file) == [("a", "reserve", "order-1", 1)]
