"""Which sagas there are, as the table tells; it is a checkpoint behind the log, if at all."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from enum import StrEnum

from minuet.core.plan import Plan
from minuet.core.state import Status
from minuet.event.record import timestamp
from minuet.inspection.rows import Stored, glance, state_of, stored
from minuet.kafka.connection import Connection


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
    rows = stored(connection, plan.spec.table_topic)
    found = [key for key, each in rows.items() if _is_wanted(plan, key, each.row, wanted)]
    shown = heapq.nlargest(limit, found, key=lambda key: glance(rows[key].row)[2])
    return Listing(len(found), [_listed(plan, key, rows[key]) for key in shown])


def _is_wanted(plan: Plan, key: str, row: bytes, wanted: Wanted) -> bool:
    _, status, _, rest = glance(row)
    match wanted:
        case Wanted.ALL:
            return True
        case Wanted.LIVE:
            return status in (Status.RUNNING, Status.FAILING)
        case Wanted.ENDED:
            return status is not None and status.ended
        case Wanted.INCIDENT:
            state = None if rest else state_of(plan, key, row)
            return state is not None and bool(state.incidents)
    return status is not None and status.value == wanted.value


def _listed(plan: Plan, key: str, each: Stored) -> Listed:
    state = state_of(plan, key, each.row)
    if state is None:
        return Listed(key, "unreadable", "", "", 0, each.partition, -1)
    last = max(state.entries(), key=lambda entry: entry.offset, default=None)
    return Listed(
        key, state.status.value, timestamp(state.at).decode(), last.type if last else "",
        len(state.incidents), each.partition, state.log_offset,
    )  # fmt: skip
