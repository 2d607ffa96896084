"""A worker of the retry storm, in a process of its own: `python -m bench.storm_worker JSON`.

The bank is down while the file `down` is in the folder; what it did stands in `ledger.sqlite`.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
import time
from pathlib import Path

from bench.storm_saga import SickBank, workflow
from minuet.engines.loop import Loop
from minuet.engines.worker import Assignment, run
from minuet.kafka.connection import Connection

LOOK_S = 0.1
TABLE = """
    CREATE TABLE IF NOT EXISTS effects (
        key TEXT PRIMARY KEY, what TEXT NOT NULL, order_id TEXT NOT NULL, calls INTEGER NOT NULL
    )
"""
_WRITE = """
    INSERT INTO effects VALUES (?, ?, ?, 1) ON CONFLICT (key) DO UPDATE SET calls = calls + 1
"""


class Switch:
    """Whether a file is there, looked at ten times a second at most."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._looked = 0.0
        self._there = False

    def __call__(self) -> bool:
        """Say it."""
        now = time.monotonic()
        if now - self._looked > LOOK_S:
            self._looked, self._there = now, self._file.exists()
        return self._there


def ledger(folder: Path) -> sqlite3.Connection:
    """Open the ledger."""
    connection = sqlite3.connect(folder / "ledger.sqlite", timeout=30, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = OFF")  # to outlive the process, not the machine
    connection.execute(TABLE)
    return connection


async def _run(job: dict[str, str]) -> None:
    folder = Path(job["folder"])
    effects = ledger(folder)

    def write(what: str, order_id: str, key: str) -> None:
        effects.execute(_WRITE, (key, what, order_id))

    tasks: list[asyncio.Task[None]] = []

    def ready(loop: Loop) -> None:
        tasks.append(asyncio.ensure_future(_tell(loop)))

    bank = SickBank(Switch(folder / "down"), write)
    found = workflow(job["topics"], bank)
    assignment = Assignment(state=folder / "state")
    await run(found, Connection(job["bootstrap"]), assignment, ready=ready)


async def _tell(loop: Loop) -> None:
    """Say when it is restored, then how its breaker stands whenever that changes."""
    while not loop.parts or not all(part.restored for part in loop.parts.values()):
        await asyncio.sleep(LOOK_S)
    _say(ready=True)
    before = ""
    while True:
        [breaker] = loop.breakers()
        if breaker.state != before:
            before = breaker.state
            _say(breaker=before, waiting=breaker.waiting, more=breaker.more)
        await asyncio.sleep(LOOK_S)


def _say(**what: object) -> None:
    sys.stdout.write(json.dumps({"at": time.time(), **what}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_run(json.loads(sys.argv[1])))
