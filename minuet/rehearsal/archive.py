"""Recorded sagas on disk, asked for one at a time: memory does not grow with how many there are."""

from __future__ import annotations

import marshal
import sqlite3
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType

from minuet.event.record import Record
from minuet.rehearsal.wire import Raw, records_of

_AT_ONCE = 5_000  # records between two writes
_TABLE = "create table records (saga blob not null, raw blob not null)"
_INDEX = "create index sagas on records (saga)"


class Archive:
    """Records of sagas, in the order in which they were taken; gone with `close`.

    Raises:
        OSError: there is no room for a temporary file.
    """

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="minuet-recorded-")
        self._db = sqlite3.connect(Path(self._folder.name) / "records", isolation_level=None)
        for pragma in ("journal_mode = off", "synchronous = off", "locking_mode = exclusive"):
            self._db.execute(f"pragma {pragma}")
        self._db.execute(_TABLE)
        self._waiting: list[tuple[bytes, Raw]] = []
        self._indexed = False

    def __enter__(self) -> Archive:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.close()

    def take(self, saga: bytes, raw: Raw) -> None:
        """Take a record of a saga; all of a saga come in their order."""
        self._waiting.append((saga, raw))
        if len(self._waiting) >= _AT_ONCE:
            self._write()

    def records(self, saga: str) -> list[Record]:
        """The records of a saga that can be read; none of one that is unknown."""
        self._write()
        if not self._indexed:
            self._db.execute(_INDEX)
            self._indexed = True
        key = saga.encode()
        found = self._db.execute("select raw from records where saga = ? order by rowid", (key,))
        return records_of((key, [marshal.loads(raw) for (raw,) in found]))

    def close(self) -> None:
        """Let go of it, and of its file."""
        self._db.close()
        self._folder.cleanup()

    def _write(self) -> None:
        if not self._waiting:
            return
        rows = [(saga, marshal.dumps(raw)) for saga, raw in self._waiting]
        self._waiting = []
        self._db.execute("begin")
        self._db.executemany("insert into records values (?, ?)", rows)
        self._db.execute("commit")
