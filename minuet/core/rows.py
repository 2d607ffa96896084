"""Where a table keeps its packed rows: a seam, so that memory need not hold all of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from minuet.core.row import peek


class Rows(Protocol):
    """Packed rows by saga id.

    What iterates over them may be used while they change: each row that stays all the while comes
    at least once, one that comes or goes meanwhile may be there or not.
    """

    def __len__(self) -> int:
        """How many there are, or about so many."""

    def get(self, key: str) -> bytes | None:
        """Return a saga's row."""

    def put(self, key: str, row: bytes) -> None:
        """Keep a saga's row instead of the one before."""

    def drop(self, key: str) -> None:
        """Forget a saga's row, if there is one."""

    def keys(self) -> Iterator[str]:
        """Iterate over all sagas."""

    def live(self) -> Iterator[tuple[str, bytes]]:
        """Iterate over the rows that are not at rest, as they were a moment ago."""


class MemoryRows:
    """Rows in a dictionary."""

    def __init__(self) -> None:
        self._rows: dict[str, bytes] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, key: str) -> bytes | None:
        """Return a saga's row."""
        return self._rows.get(key)

    def put(self, key: str, row: bytes) -> None:
        """Keep a saga's row instead of the one before."""
        self._rows[key] = row

    def drop(self, key: str) -> None:
        """Forget a saga's row, if there is one."""
        self._rows.pop(key, None)

    def keys(self) -> Iterator[str]:
        """Iterate over all sagas."""
        yield from list(self._rows)

    def live(self) -> Iterator[tuple[str, bytes]]:
        """Iterate over the rows that are not at rest, as they were a moment ago."""
        for key in list(self._rows):
            row = self._rows.get(key)
            if row is not None and not peek(row)[3]:
                yield key, row
