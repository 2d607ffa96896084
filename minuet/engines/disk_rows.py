"""Rows of one partition in RocksDB, in a folder.

Keys are a letter and the saga's id: `l` for rows that are not at rest, `r` for those that are, so
that a restart need not look at sagas that are over. A row `l` covers an older row `r`. The key `m`
has what the rows are good for, and is written together with rows: after a crash, of the process or
of the machine, the folder is what it was at some moment before.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
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
from minuet.errors import UsageError

BATCH = 1_000  # changes that wait in memory before they are written
PAGE = 500  # rows that an iteration takes at once; it holds nothing open between pages
_BUFFER = 1 << 20  # of what RocksDB has not sorted into a file yet; it has up to two of them
_CACHE = 4 << 20  # of blocks read, for all partitions together
_FILES = 32  # held open, for each partition
_META = b"m"
_LIVE, _REST, _AFTER_LIVE = b"l", b"r", b"m"

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
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # rows hold what events say
            self._db: Rdict | None = Rdict(str(folder), options=_options())
        except Exception as refused:  # the only one that rocksdict raises
            raise OSError(str(refused)) from refused
        self._changes: dict[bytes, bytes | None] = {}

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
        found: bytes | None = self._db.get(key) if self._db is not None else None
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
            items: Iterator[tuple[Any, Any]] = self._db.items(from_key=after)
            page = list(islice(items, PAGE))
            for key, row in page:
                if key[:1] != letter:
                    return
                yield key[1:].decode(), row
            if len(page) < PAGE:
                return
            after = page[-1][0] + b"\x00"

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
        """Write what waits, and let others have the folder."""
        if self._db is not None:
            self._write()
            self._db.close()
            self._db = None

    def destroy(self) -> None:
        """Close it, and delete the folder."""
        self._changes.clear()
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)

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
