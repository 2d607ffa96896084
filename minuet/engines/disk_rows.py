"""Rows of one partition in RocksDB, in a folder.

Keys are a letter and the saga's id: `l` for rows that are not at rest, `r` for those that are, so
that a restart need not look at sagas that are over. A row `l` covers an older row `r`. The key `m`
has what the rows are good for, and is written together with rows: after a crash, of the process or
of the machine, the folder is what it was at some moment before.

Beside the folder lies a file whose lock says who has it: unlike RocksDB's own it is held while the
folder is deleted, too, so that nobody finds half of one.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rocksdict import (
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    Options,
    Rdict,
    WriteBatch,
)

from minuet.core.row import peek
from minuet.engines.folder_lock import FolderLock
from minuet.errors import MinuetError, UsageError

BATCH = 1_000  # changes that wait in memory before they are written
PAGE = 500  # rows that an iteration takes at once; it holds nothing open between pages
_BUFFER = 1 << 20  # of what RocksDB has not sorted into a file yet; it has up to two of them
_CACHE = 4 << 20  # of blocks read, for all partitions together
_FILES = 32  # held open, for each partition
_META = b"m"
_LIVE, _REST, _AFTER_LIVE = b"l", b"r", b"m"

_CORRUPT = "Corruption"  # how RocksDB's errors begin that speak of bytes; others may pass

_LOG = logging.getLogger("minuet.worker")

_cache: list[Cache] = []


@dataclass(frozen=True, slots=True)
class Meta:
    """What the rows in a folder are good for.

    Args:
        identity: of the two topics, and of the form of rows.
        start, position, log_time: see `RowStore.save`.
    """

    identity: str
    start: int
    position: int
    log_time: int


class DiskRows:
    """Rows in a folder of their own, which one process has open at a time.

    Args:
        folder: made where it is missing.

    Raises:
        OSError: another process has it, or it cannot be opened.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._changes: dict[bytes, bytes | None] = {}
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = FolderLock(folder.with_name(f"{folder.name}.lock"))
        try:
            self._db: Rdict | None = _opened(folder)
        except OSError:
            self._lock.release()
            raise

    def __len__(self) -> int:
        if self._db is None:
            return 0
        self._write()
        return int(self._db.property_int_value("rocksdb.estimate-num-keys") or 0)

    def get(self, key: str) -> bytes | None:
        """Return a saga's row."""
        name = key.encode()
        row = self._get(_LIVE + name)
        return row if row is not None else self._get(_REST + name)

    def _get(self, key: bytes) -> bytes | None:
        if key in self._changes:
            return self._changes[key]
        if self._db is None:
            return None
        try:
            found: bytes | None = self._db.get(key)
        except Exception as refused:
            raise self._lost(refused) from refused
        return found

    def put(self, key: str, row: bytes) -> None:
        """Keep a saga's row instead of the one before."""
        name = key.encode()
        if peek(row)[3]:
            self._changes[_REST + name] = row
            self._remove(_LIVE + name)
        else:
            self._changes[_LIVE + name] = row
        self._write_some()

    def drop(self, key: str) -> None:
        """Forget a saga's row, if there is one."""
        name = key.encode()
        self._remove(_LIVE + name)
        self._remove(_REST + name)
        self._write_some()

    def _remove(self, key: bytes) -> None:
        """Remove what is there; a mark for what is not would only be in the way of iterations."""
        self._changes.pop(key, None)
        if self._db is not None and self._db.key_may_exist(key):
            self._changes[key] = None

    def keys(self) -> Iterator[str]:
        """Iterate over all sagas."""
        for letter in (_LIVE, _REST):
            for key, _ in self._under(letter):
                yield key

    def live(self) -> Iterator[tuple[str, bytes]]:
        """Iterate over the rows that are not at rest, as they were a moment ago."""
        return self._under(_LIVE)

    def _under(self, letter: bytes) -> Iterator[tuple[str, bytes]]:
        after = letter
        while self._db is not None:
            self._write()
            page = self._page(self._db, after)
            for key, row in page:
                if key[:1] != letter:
                    return
                yield key[1:].decode(), row
            if len(page) < PAGE:
                return
            after = page[-1][0] + b"\x00"

    def _page(self, db: Rdict, after: bytes) -> list[tuple[bytes, bytes]]:
        """Read some rows; nothing that would keep the folder open outlives this."""
        found: Any = db.iter()
        page: list[tuple[bytes, bytes]] = []
        try:
            found.seek(after)
            while len(page) < PAGE and found.valid():
                page.append((found.key(), found.value()))
                found.next()
            found.status()  # it ends at what it cannot read as if there were nothing more
        except Exception as refused:
            del found
            raise self._lost(refused) from refused
        return page

    def save(self, meta: Meta) -> None:
        """Write what the rows are good for, together with all rows before it."""
        self._changes[_META] = json.dumps(asdict(meta)).encode()
        self._write()

    def meta(self) -> Meta | None:
        """Return what the rows are good for; None when it was never noted."""
        found = self._get(_META)
        try:
            return None if found is None else Meta(**json.loads(found))
        except (ValueError, TypeError):  # of another release
            return None

    def close(self) -> None:
        """Write what waits, and let others have the folder.

        What a full disk does not take is left out: the rows are good for no less without it.
        """
        if self._db is None:
            return
        try:
            self._write()
        except UsageError as full:
            _LOG.warning("%s", full)
        self._shut(self._db)
        self._lock.release()

    def destroy(self) -> None:
        """Close it, and delete the folder."""
        if self._db is not None:
            self._shut(self._db)
            shutil.rmtree(self.folder, ignore_errors=True)
            self._lock.release()

    def clear(self) -> None:
        """Delete all rows, and keep the folder."""
        if self._db is not None:
            self._shut(self._db)
            shutil.rmtree(self.folder, ignore_errors=True)
            self._db = _opened(self.folder)

    def _shut(self, db: Rdict) -> None:
        self._changes.clear()
        self._db = None
        try:
            db.close()
        except Exception as refused:  # as of a full disk: it is closed nevertheless
            _LOG.warning("rows in %s: %s", self.folder, refused)

    def _lost(self, refused: Exception) -> MinuetError:
        """Delete what cannot be read: it is only a memory of what stands in the topic."""
        self.destroy()
        return MinuetError(
            f"rows in {self.folder} cannot be read ({refused}): they are deleted, and the next "
            "start reads them from their topic; if it happens again, look after the disk"
        )

    def _write_some(self) -> None:
        if len(self._changes) >= BATCH:
            self._write()

    def _write(self) -> None:
        if self._db is None or not self._changes:
            self._changes.clear()
            return
        batch = WriteBatch(raw_mode=True)
        for key, row in self._changes.items():
            if row is None:
                batch.delete(key)
            else:
                batch.put(key, row)
        try:
            self._db.write(batch)
        except Exception as refused:  # as of a full disk
            message = (
                f"rows cannot be written to {self.folder} ({refused}): make room, name another "
                "folder with --state, or keep more rows in memory (`rows`)"
            )
            raise UsageError(message) from refused
        self._changes.clear()


def _opened(folder: Path) -> Rdict:
    """Open a folder; one whose bytes are no good is deleted, and made anew."""
    try:
        return _tried(folder)
    except OSError as refused:
        if not str(refused).startswith(_CORRUPT):
            raise
        _LOG.warning("rows in %s cannot be read (%s): deleted", folder, refused)
    shutil.rmtree(folder)
    return _tried(folder)


def _tried(folder: Path) -> Rdict:
    try:
        folder.mkdir(mode=0o700, exist_ok=True)  # rows hold what events say
        return Rdict(str(folder), options=_options())
    except Exception as refused:  # the only one that rocksdict raises
        raise OSError(str(refused)) from refused


def _options() -> Options:
    if not _cache:
        _cache.append(Cache(_CACHE))
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_write_buffer_size(_BUFFER)
    options.set_max_total_wal_size(8 * _BUFFER)
    options.set_max_open_files(_FILES)
    options.set_keep_log_file_num(1)
    options.set_compression_type(DBCompressionType.lz4())
    tables = BlockBasedOptions()
    tables.set_block_cache(_cache[0])
    tables.set_bloom_filter(10, False)
    tables.set_cache_index_and_filter_blocks(True)
    options.set_block_based_table_factory(tables)
    return options
