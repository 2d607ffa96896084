"""Row stores that begin in memory and go to disk when a worker has many rows.

What was on disk is found again at the next start: then only the rows that were written since are
read from their topic. Several workers may share the folder: RocksDB's lock says who has a
partition's rows. A worker that sleeps may hold them although another one owns the partition by
now; that one then takes the next folder of the same partition, and reads what that one lacks.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

from minuet.core.row import ROW_SCHEMA
from minuet.core.rows import MemoryRows, Rows
from minuet.engines.disk_rows import DiskRows, Meta
from minuet.engines.row_store import RowStore
from minuet.errors import MinuetError, UsageError

FOLDERS_MOST = 8  # of one partition: workers that slept while they had it, and the one that has it

_LOG = logging.getLogger("minuet.worker")


class DiskStores:
    """The stores of one worker.

    Args:
        folder: of its group's rows, on this machine.
        topics: the ids of the log and the topic of rows, by name; rows of others are deleted.
        most: rows that the worker keeps in memory, in all its partitions together.
    """

    def __init__(self, folder: Path, topics: Mapping[str, str], most: int) -> None:
        text = json.dumps([sorted(topics.items()), ROW_SCHEMA], sort_keys=True)
        self.identity = hashlib.sha256(text.encode()).hexdigest()
        self._folder = folder
        self._most = most
        self._open: set[DiskStore] = set()

    @property
    def share(self) -> int:
        """How many rows each open store may keep in memory."""
        return self._most // max(len(self._open), 1)

    def open(self, partition: int, high: int) -> RowStore:
        """Return the store of a partition: with the rows that are on disk, if they are any good."""
        store = DiskStore(self, partition, self._found(partition, high))
        self._open.add(store)
        return store

    def scratch(self, partition: int) -> RowStore:
        """Return an empty store beside the one of a partition."""
        store = DiskStore(self, partition, None)
        self._open.add(store)
        return store

    def closed(self, store: DiskStore) -> None:
        """Note that a store needs no memory any more."""
        self._open.discard(store)

    def fresh(self, partition: int) -> DiskRows:
        """Return an empty folder for the rows of a partition.

        Raises:
            UsageError: there is none to be had.
        """
        for rows in self._free(partition):
            rows.clear()
            return rows
        message = (
            f"no folder for the rows of partition {partition} can be opened in {self._folder}: "
            "name another one with --state, or keep more rows in memory (`rows`)"
        )
        raise UsageError(message)

    def _found(self, partition: int, high: int) -> tuple[DiskRows, Meta] | None:
        for rows in self._free(partition, there=True):
            try:
                meta = rows.meta()
            except MinuetError as lost:
                _LOG.warning("%s", lost)
                continue
            if meta and meta.identity == self.identity and meta.position <= high:
                return rows, meta
            _LOG.info("rows in %s are not of this log: deleted", rows.folder)
            rows.destroy()
        return None

    def _free(self, partition: int, *, there: bool = False) -> Iterator[DiskRows]:
        """Iterate over the folders of a partition that nobody else has open, and open each."""
        for number in range(FOLDERS_MOST):
            folder = self._folder / (f"{partition}.{number}" if number else str(partition))
            if there and not folder.exists():
                continue
            try:
                yield DiskRows(folder)
            except OSError as refused:
                _LOG.info("rows in %s are left alone: %s", folder, refused)


class DiskStore:
    """The rows of one partition: in memory, until there are too many; from then on, on disk.

    Args:
        stores: what it is one of.
        partition: its number.
        found: rows that are on disk already.
    """

    def __init__(
        self, stores: DiskStores, partition: int, found: tuple[DiskRows, Meta] | None
    ) -> None:
        self._stores = stores
        self._partition = partition
        self._disk: DiskRows | None = found[0] if found else None
        meta = found[1] if found else None
        self._rows: Rows = MemoryRows() if self._disk is None else self._disk
        self._closed = False
        self.rows: Rows = self
        self.start = meta.start if meta else 0
        self.log_time = meta.log_time if meta else 0

    def save(self, start: int, position: int, log_time: int) -> None:
        """Note how far the rows have got, where they are on disk."""
        if self._disk is not None:
            self._disk.save(Meta(self._stores.identity, start, position, log_time))

    def forget(self) -> None:
        """Begin anew: what was found is no good after all."""
        if self._disk is not None:
            self._disk.destroy()
        self._disk, self._rows = None, MemoryRows()
        self.start = self.log_time = 0

    def close(self) -> None:
        """Let others have the folder."""
        self._closed = True
        self._stores.closed(self)
        if self._disk is not None:
            self._disk.close()

    def discard(self) -> None:
        """Delete what is on disk."""
        if self._disk is not None:
            self._disk.destroy()
        self.close()

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, key: str) -> bytes | None:
        """Return a saga's row."""
        return self._rows.get(key)

    def put(self, key: str, row: bytes) -> None:
        """Keep a saga's row instead of the one before."""
        self._rows.put(key, row)
        if self._disk is None and len(self._rows) > self._stores.share and not self._closed:
            self._spill()

    def _spill(self) -> None:
        disk = self._stores.fresh(self._partition)
        for key in self._rows.keys():  # noqa: SIM118  (no mapping)
            row = self._rows.get(key)
            assert row is not None
            disk.put(key, row)
        self._disk = self._rows = disk

    def drop(self, key: str) -> None:
        """Forget a saga's row, if there is one."""
        self._rows.drop(key)

    def keys(self) -> Iterator[str]:
        """Iterate over all sagas."""
        return self._rows.keys()

    def live(self) -> Iterator[tuple[str, bytes]]:
        """Iterate over the rows that are not at rest, as they were a moment ago."""
        return self._rows.live()
