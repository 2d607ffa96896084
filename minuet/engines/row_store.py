"""Where the rows of a partition are while a worker owns it, and what its next start finds."""

from __future__ import annotations

from typing import Protocol

from minuet.core.rows import MemoryRows, Rows


class RowStore(Protocol):
    """The rows of one partition.

    Attributes:
        rows: what the table keeps its rows in.
        start: the offset in the topic of rows from which on they are to be read into it.
        log_time: the largest record time that the rows know of, ms since 1970.
    """

    rows: Rows
    start: int
    log_time: int

    def save(self, start: int, position: int, log_time: int) -> None:
        """Note how far the rows have got: their topic is known below `start`, the log below
        `position`. Nothing of it may be true of rows that come later only.
        """

    def forget(self) -> None:
        """Have no rows, and begin at the beginning of their topic."""

    def close(self) -> None:
        """Keep nothing more, and let others have it; later calls find no rows and do nothing."""

    def discard(self) -> None:
        """Close it, and delete what it kept."""


class RowStores(Protocol):
    """The stores of one worker."""

    def open(self, partition: int, high: int) -> RowStore:
        """Return the store of a partition that was assigned.

        Args:
            partition: its number.
            high: the log's high watermark; what is known from beyond it is of another log.
        """

    def scratch(self, partition: int) -> RowStore:
        """Return an empty store beside the one of a partition, to be discarded after use."""


class MemoryStore:
    """Rows that end with the assignment."""

    def __init__(self) -> None:
        self.rows: Rows = MemoryRows()
        self.start = self.log_time = 0

    def save(self, start: int, position: int, log_time: int) -> None:
        """Do nothing: it all stands in the topic."""

    def forget(self) -> None:
        """Drop all rows."""
        self.rows = MemoryRows()

    def close(self) -> None:
        """Do nothing: what still runs may look."""

    def discard(self) -> None:
        """Do nothing: nobody holds it."""


class MemoryStores:
    """Stores that keep everything in memory."""

    def open(self, partition: int, high: int) -> RowStore:
        """Return an empty store."""
        return MemoryStore()

    def scratch(self, partition: int) -> RowStore:
        """Return one more."""
        return MemoryStore()
