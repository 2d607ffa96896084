"""The table as it is stored: the last row of each saga, and what can be read of it."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass

from minuet.core.plan import Plan
from minuet.core.row import is_blank, peek, unpack
from minuet.core.state import State, Status
from minuet.kafka.connection import Connection
from minuet.kafka.reading import snapshot


@dataclass(frozen=True, slots=True)
class Stored:
    """A saga's row, and the partition it stands in."""

    partition: int
    row: bytes


def stored(
    connection: Connection,
    topic: str,
    read: Callable[[], None] = lambda: None,
    only: Container[str] | None = None,
) -> dict[str, Stored]:
    """Read a table; of a saga's rows the one of the largest log offset counts.

    `read` is called for each record; `only`: the sagas that are wanted, None for all.

    Raises:
        BrokerError: Kafka cannot be reached.
        UsageError: there is no such table.
    """
    rows: dict[str, Stored] = {}
    for message in snapshot(connection, topic):
        read()
        key, row = (message.key() or b"").decode(errors="replace"), message.value()
        if only is not None and key not in only:
            continue
        if row is None or is_blank(row):
            rows.pop(key, None)
        elif key not in rows or log_offset(rows[key].row) <= log_offset(row):
            rows[key] = Stored(message.partition() or 0, row)
    return rows


def glance(row: bytes) -> tuple[int, Status | None, int, bool]:
    """As the core's `peek`; bytes that are no row have no status, and are the oldest."""
    try:
        return peek(row)
    except IndexError:
        return -1, None, 0, False


def log_offset(row: bytes) -> int:
    """Return how far a row has the log."""
    return glance(row)[0]


def state_of(plan: Plan, key: str, row: bytes) -> State | None:
    """Return the state of a row; None for bytes that are no row, which `minuet verify` names."""
    try:
        return unpack(plan, key, row)
    except Exception:  # whatever bytes can make fastavro raise
        return None
