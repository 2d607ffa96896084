"""The shipped `orders`, whose simulated services write down what they did: it can be counted.

One row for each idempotency key, in SQLite; `EFFECTS_FILE` names the file. Each write is a
transaction of its own: several processes may write, and what is written survives the death of the
process. What was refused is no effect, and neither is what has no key.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from coordinators.orders import orders as shipped
from minuet.saga import Saga

VARIABLE = "EFFECTS_FILE"

After = Callable[[str, tuple[Any, ...], dict[str, Any], Any], Awaitable[None]]

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


class Around:
    """A service in front of another one: after each call that one more thing is done.

    Args:
        service: that answers.
        after: is told what was called, with what, and the answer, before that is given.
    """

    def __init__(self, service: object, after: After) -> None:
        self._service = service
        self._after = after

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call = getattr(self._service, name)

        async def ask(*arguments: Any, **named: Any) -> Any:
            answer = await call(*arguments, **named)
            await self._after(name, arguments, named, answer)
            return answer

        return ask


async def note(name: str, arguments: tuple[Any, ...], named: dict[str, Any], answer: Any) -> None:
    """Write down what had an effect; what begins another workflow has none here."""
    if "key" in named and name != "begin" and not getattr(answer, "refused", ""):
        write(name, arguments[0], named["key"])


def around(saga: Saga, after: After) -> Saga:
    """Return a saga whose simulated resources have something in front of them."""
    found = replace(saga)
    for resource, forms in saga.provided.items():
        assert forms.simulated is not None
        found.provide(resource, simulated=partial(_made, forms.simulated, after))
    return found


def _made(form: Callable[[], object], after: After) -> Around:
    return Around(form(), after)


orders = around(shipped, note)
