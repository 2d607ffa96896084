"""Which sagas there are, as the table tells; it is a checkpoint behind the log, if at all."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from enum import StrEnum

from minuet.core.plan import Plan
from minuet.core.row import peek, unpack
from minuet.core.state import State, Status
from minuet.event.record import timestamp
from minuet.kafka.connection import Connection
from minuet.kafka.reading import snapshot


class Wanted(StrEnum):
    """Which sagas one wants to see."""

    ALL = "all"
    LIVE = "live"  # running or failing
    ENDED = "ended"
    INCIDENT = "incident"  # a person is waited for
    EARLY = "early"
    RUNNING = "running"
    FAILING = "failing"
    COMPLETED = "completed"
    COMPENSATED = "compensated"


@dataclass(frozen=True)
class Listed:
    """A saga as its row tells.

    Args:
        last: the type of its youngest event that is kept; empty once it is at rest.
        incidents: how many are open.
    """

    saga: str
    status: str
    at: str
    last: str
    incidents: int
    partition: int
    log_offset: int


@dataclass(frozen=True)
class Listing:
    """The sagas found, youngest first, and how many there are in all."""

    found: int
    sagas: list[Listed]


def listing(connection: Connection, plan: Plan, wanted: Wanted, limit: int) -> Listing:
    """Return the sagas that are wanted, the youngest `limit` of them.

    Raises:
        BrokerError: Kafka cannot be reached.
        UsageError: there is no such table.
    """
    rows: dict[str, tuple[int, bytes]] = {}
    for message in snapshot(connection, plan.spec.table_topic):
        key, row = (message.key() or b"").decode(errors="replace"), message.value()
        if row is None:
            rows.pop(key, None)
        elif key not in rows or _offset(rows[key][1]) <= _offset(row):
            rows[key] = message.partition() or 0, row
    found = [key for key, (_, row) in rows.items() if _is_wanted(plan, key, row, wanted)]
    shown = heapq.nlargest(limit, found, key=lambda key: _peek(rows[key][1])[2])
    return Listing(len(found), [_listed(plan, key, *rows[key]) for key in shown])


def _peek(row: bytes) -> tuple[int, Status | None, int, bool]:
    """As the core's `peek`; bytes that are no row have no status, and are the oldest."""
    try:
        return peek(row)
    except IndexError:
        return -1, None, 0, False


def _offset(row: bytes) -> int:
    return _peek(row)[0]


def _unpack(plan: Plan, key: str, row: bytes) -> State | None:
    try:
        return unpack(plan, key, row)
    except Exception:  # whatever bytes can make fastavro raise; `minuet verify` names them
        return None


def _is_wanted(plan: Plan, key: str, row: bytes, wanted: Wanted) -> bool:
    _, status, _, rest = _peek(row)
    match wanted:
        case Wanted.ALL:
            return True
        case Wanted.LIVE:
            return status in (Status.RUNNING, Status.FAILING)
        case Wanted.ENDED:
            return status is not None and status.ended
        case Wanted.INCIDENT:
            state = None if rest else _unpack(plan, key, row)
            return state is not None and bool(state.incidents)
    return status is not None and status.value == wanted.value


def _listed(plan: Plan, key: str, partition: int, row: bytes) -> Listed:
    state = _unpack(plan, key, row)
    if state is None:
        return Listed(key, "unreadable", "", "", 0, partition, -1)
    last = max(state.entries(), key=lambda entry: entry.offset, default=None)
    return Listed(
        key, state.status.value, timestamp(state.at).decode(), last.type if last else "",
        len(state.incidents), partition, state.log_offset,
    )  # fmt: skip
