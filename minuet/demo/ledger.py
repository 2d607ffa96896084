"""The ledger of the simulated services, held against the log."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from minuet.demo.result import Ledger

VARIABLE = "ORDERS_LEDGER"  # names the file to the shipped workflow's simulated services


def create(file: Path) -> None:
    """Make an empty ledger whose writers wait for each other as little as can be.

    In SQLite's own mode a writer that finds the file locked sleeps for milliseconds, again and
    again: with two workers that alone was half a second for an order. The mode stays in the file.
    """
    with closing(sqlite3.connect(file)) as ledger:
        ledger.execute("PRAGMA journal_mode = WAL")


def check(file: Path, effects: set[tuple[str, str]]) -> Ledger:
    """Compare the ledger with the effects that the log tells of, as (key, effect)."""
    rows: list[tuple[str, str, int]] = []
    if file.exists():
        with closing(sqlite3.connect(file)) as ledger:
            rows = ledger.execute("SELECT key, effect, calls FROM effects").fetchall()
    found = {(key, effect) for key, effect, _ in rows}
    again = sum(calls > 1 for _, _, calls in rows)
    return Ledger(len(rows), again, len(effects - found), len(found - effects))
