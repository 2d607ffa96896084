"""What the simulated services did, one row for each key, so that a test can count effects.

Kept only when `ORDERS_LEDGER` names a file. Each write is a transaction of its own: several
processes may write, and what is written survives the death of the process.
"""

from __future__ import annotations

import os
import sqlite3
from functools import cache

VARIABLE = "ORDERS_LEDGER"

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


def write(effect: str, order_id: str, key: str) -> None:
    """Note an effect; under a known key only one more call is counted."""
    file = os.environ.get(VARIABLE)
    if file:
        _open(file).execute(_WRITE, (key, effect, order_id))


@cache
def _open(file: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        file, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA synchronous = OFF")  # to outlive the process, not the machine
    connection.execute(_TABLE)
    return connection
