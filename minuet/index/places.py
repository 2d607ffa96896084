"""The file of an index: SQLite, so that several processes may use it at once, and a crash of one
leaves what stood there before.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from types import TracebackType

FORM = 1  # of the file; another one is begun anew
_WAIT_S = 30.0  # for another process that writes
_TABLES = """
create table if not exists topic (id text not null);
create table if not exists known (number integer primary key, next integer not null);
create table if not exists places (
    key integer not null, number integer not null, offset integer not null,
    primary key (key, number, offset)
) without rowid;
"""


class Unusable(Exception):
    """There is no index to be had; perhaps it may be begun anew."""

    def __init__(self, why: str, *, may_begin_anew: bool) -> None:
        self.may_begin_anew = may_begin_anew
        super().__init__(why)


class Places:
    """Where records of a topic stand, by their key.

    Args:
        file: made where it is missing.
        identity: of the topic; what is known of another one is dropped.

    Raises:
        Unusable: it is broken, or cannot be written; every other call may say so, too.
    """

    def __init__(self, file: Path, identity: str) -> None:
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._db = sqlite3.connect(file, timeout=_WAIT_S, isolation_level=None)
        except (OSError, sqlite3.Error) as refused:
            raise Unusable(str(refused), may_begin_anew=False) from refused
        try:
            self._begin(identity)
        except sqlite3.Error as bad:
            self._db.close()
            raise _unusable(bad) from bad

    def _begin(self, identity: str) -> None:
        run = self._db.execute
        run("pragma journal_mode = wal")
        run("pragma synchronous = normal")  # a crash of the machine may take the last, not break it
        form = run("pragma user_version").fetchone()[0]
        if form not in (0, FORM):
            raise sqlite3.DatabaseError(form)
        if form == FORM and run("select id from topic").fetchall() == [(identity,)]:
            return
        run("begin immediate")
        for statement in _TABLES.split(";"):
            run(statement)
        if run("select id from topic").fetchall() != [(identity,)]:
            for table in ("topic", "known", "places"):
                run(f"delete from {table}")
            run("insert into topic values (?)", (identity,))
        run(f"pragma user_version = {FORM}")
        run("commit")

    def __enter__(self) -> Places:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        with suppress(sqlite3.Error):
            self._db.close()
        if isinstance(error, sqlite3.Error):
            raise _unusable(error) from error

    def known(self, number: int) -> int:
        """Return up to which offset a partition is known."""
        found = self._db.execute("select next from known where number = ?", (number,)).fetchone()
        return int(found[0]) if found else 0

    def forget(self, number: int) -> None:
        """Drop all that is known of a partition."""
        self._db.execute("begin immediate")
        self._db.execute("delete from places where number = ?", (number,))
        self._db.execute("delete from known where number = ?", (number,))
        self._db.execute("commit")

    def add(self, found: Iterable[tuple[bytes, int, int]], known: Mapping[int, int]) -> None:
        """Add places, as (key, partition, offset); partitions are known up to these offsets then.

        Another process may have added the same meanwhile.
        """
        self._db.execute("begin immediate")
        self._db.executemany(
            "insert or ignore into places values (?, ?, ?)",
            ((_part(key), number, offset) for key, number, offset in found),
        )
        self._db.executemany(
            "insert into known values (?, ?) on conflict do update set next = max(next, ?)",
            ((number, end, end) for number, end in known.items()),
        )
        self._db.execute("commit")

    def of(self, key: bytes, ends: Mapping[int, tuple[int, int]]) -> list[tuple[int, int]]:
        """Return where records of a key stand in these partitions, between their ends."""
        rows = self._db.execute(
            "select number, offset from places where key = ? order by number, offset",
            (_part(key),),
        )
        return [
            (number, offset)
            for number, offset in rows
            if number in ends and ends[number][0] <= offset < ends[number][1]
        ]

    @staticmethod
    def delete(file: Path) -> None:
        """Delete a file and what SQLite keeps beside it."""
        for each in (file, Path(f"{file}-wal"), Path(f"{file}-shm")):
            with suppress(OSError):
                each.unlink()


def _part(key: bytes) -> int:
    """Eight bytes of a key's digest: two keys of a million have the same once in ten million."""
    return int.from_bytes(blake2b(key, digest_size=8).digest(), "big", signed=True)


def _unusable(error: sqlite3.Error) -> Unusable:
    """A file that is none, or of another form, may be begun anew; one that is not ours may not."""
    broken = isinstance(error, sqlite3.DatabaseError) and not isinstance(
        error, sqlite3.OperationalError
    )
    return Unusable(str(error), may_begin_anew=broken)
