"""The shipped `orders`, whose simulated services write down what they did: it can be counted.

One row for each idempotency key, in SQLite; `EFFECTS_FILE` names the file. Each write is a
transaction of its own: several processes may write, and what is written survives the death of the
process. What was refused is no effect, and neither is what has no key.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from coordinators.orders import orders as shipped
from streams.orders.resources import Refunds

VARIABLE = "EFFECTS_FILE"

_BUSY_S = 30  # how long a write waits for the other processes'
_TABLE = """
    CREATE TABLE IF NOT EXISTS effects (
        key TEXT PRIMARY KEY,
        effect TEXT NOT NULL,
        order_id TEXT NOT NULL,
        calls INTEGER NOT NULL
    )
"""
_WRITE = """
    INSERT INTO effects VALUES (?, ?, ?, 1) ON CONFLICT (key) DO UPDATE SET calls = calls + 1
"""


def create(file: Path) -> None:
    """Make an empty ledger whose writers wait for each other as little as can be.

    In SQLite's own mode a writer that finds the file locked sleeps for milliseconds, again and
    again: with two workers that alone was half a second for an order. The mode stays in the file.
    """
    ledger = sqlite3.connect(file)
    ledger.execute("PRAGMA journal_mode = WAL")
    ledger.close()


def write(effect: str, order_id: str, key: str) -> None:
    """Note an effect; under a known key only one more call is counted."""
    _open(os.environ[VARIABLE]).execute(_WRITE, (key, effect, order_id))


@cache
def _open(file: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        file, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA synchronous = OFF")  # to outlive the process, not the machine
    connection.execute(_TABLE)
    return connection


class Noted:
    """A service whose effects are written down before it answers."""

    def __init__(self, service: object) -> None:
        self._service = service

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call = getattr(self._service, name)

        async def ask(*arguments: Any, **named: Any) -> Any:
            answer = await call(*arguments, **named)
            if "key" in named and not getattr(answer, "refused", ""):
                write(name, arguments[0], named["key"])
            return answer

        return ask


def noted(form: Callable[[], object] | None) -> Callable[[], object]:
    """Return what makes the service, and puts the pen in front of it."""
    assert form is not None
    return lambda: Noted(form())


orders = replace(shipped)

for _resource, _forms in shipped.provided.items():
    _begins = _resource is Refunds  # another workflow: no effect of this one
    orders.provide(_resource, simulated=_forms.simulated if _begins else noted(_forms.simulated))
