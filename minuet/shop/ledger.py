"""What the services did, in SQLite: one row for each idempotency key, with the answer it gets."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_TABLE = """
    CREATE TABLE IF NOT EXISTS answers (
        key TEXT PRIMARY KEY, workflow TEXT NOT NULL, effect TEXT NOT NULL, saga TEXT NOT NULL,
        reference TEXT NOT NULL, refused TEXT NOT NULL, undoes TEXT NOT NULL,
        late_days INTEGER NOT NULL, calls INTEGER NOT NULL DEFAULT 1
    )
"""
_FIELDS = "key, workflow, effect, saga, reference, refused, undoes, late_days"


@dataclass(frozen=True, slots=True)
class Entry:
    """What was done under a key, or refused; `undoes` is the reference that it takes back."""

    key: str
    workflow: str
    effect: str
    saga: str
    reference: str
    refused: str
    undoes: str
    late_days: int
    calls: int = 1


class Ledger:
    """Keeps entries; what is written outlives the process, not a loss of power.

    Args:
        file: of SQLite; `:memory:` for none.
    """

    def __init__(self, file: Path | str) -> None:
        self._database = sqlite3.connect(file, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute(_TABLE)

    def known(self, key: str) -> Entry | None:
        """Return what was answered under a key, and count one more call."""
        found = self._database.execute(
            f"UPDATE answers SET calls = calls + 1 WHERE key = ? RETURNING {_FIELDS}, calls", (key,)
        ).fetchone()
        return Entry(*found) if found else None

    def write(self, entry: Entry) -> None:
        """Keep what was answered under a key for the first time."""
        row = (
            entry.key, entry.workflow, entry.effect, entry.saga, entry.reference, entry.refused,
            entry.undoes, entry.late_days,
        )  # fmt: skip
        self._database.execute(
            f"INSERT INTO answers ({_FIELDS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row
        )

    def effects(self, workflow: str) -> list[dict[str, Any]]:
        """Return what had an effect in the name of a workflow, in its order."""
        rows = self._database.execute(
            "SELECT key, effect, saga, reference, undoes, calls FROM answers "
            "WHERE workflow = ? AND refused = '' ORDER BY rowid", (workflow,),
        )  # fmt: skip
        names = ("key", "effect", "saga", "reference", "undoes", "calls")
        return [dict(zip(names, row, strict=True)) for row in rows]

    def close(self) -> None:
        """Close the file."""
        self._database.close()
