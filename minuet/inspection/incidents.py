"""What waits for a person, over all sagas: the table first, then the log from there on.

So it is exact, and reads little: a table is a checkpoint a moment behind the log. Where no worker
has ever committed a position, the whole log is folded.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from minuet.core.plan import Plan
from minuet.core.state import State
from minuet.core.table import Table
from minuet.event.record import UnreadableHeaders, timestamp
from minuet.inspection.rows import Stored, glance, state_of, stored
from minuet.kafka import topics
from minuet.kafka.connection import Connection
from minuet.kafka.offsets import committed, watermarks
from minuet.kafka.picking import pick
from minuet.kafka.reading import record_of, snapshot

KINDS = ("gave-up", "rejected", "irreversible", "failed-after-pivot", "undo-impossible")
_WORDS = tuple(kind.encode() for kind in KINDS)
_PROGRESS_EVERY = 2_000
_PACK_EVERY = 5_000  # sagas, so that a log without any table needs little memory

Progress = Callable[[int, int], None]  # how many records are read, and of how many


@dataclass(frozen=True, slots=True)
class Waiting:
    """An incident.

    Args:
        about: the step, or the event's type.
        key: the slot, or the event's id.
        since: when it was opened; empty when the log no longer has that record.
        attempts: that the log knows of, 0 for what was not run.
        offset: on the log, of what opened it.
    """

    saga: str
    status: str
    kind: str
    about: str
    key: str
    since: str
    attempts: int
    reason: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which incidents one wants to see; an empty name is any.

    `step` matches the step that gave up, and the one that said what cannot be read.
    """

    step: str = ""
    kind: str = ""
    limit: int = 20


@dataclass(frozen=True)
class Found:
    """The incidents that are wanted.

    Args:
        incidents: of the sagas that have been still longest, up to the limit.
        counts: of all, by kind and what they are about.
        unreadable: rows that cannot be read.
    """

    incidents: list[Waiting]
    counts: dict[tuple[str, str], int]
    unreadable: int

    @property
    def total(self) -> int:
        """How many are open in all."""
        return sum(self.counts.values())


def waiting(
    connection: Connection,
    plan: Plan,
    wanted: Wanted,
    progress: Progress = lambda _done, _all: None,
) -> Found:
    """Return what waits for a person.

    Raises:
        BrokerError: Kafka cannot be reached.
        UsageError: a topic is missing or wrong.
    """
    topics.check(connection, plan.spec)
    states, unreadable = _states(connection, plan, progress)
    counts: Counter[tuple[str, str]] = Counter()
    found: list[tuple[int, Waiting]] = []
    for partition, state in states:
        for each in of_state(state, partition):
            if _is_wanted(plan, each, wanted):
                counts[each.kind, each.about] += 1
                found.append((state.at, each))
    shown = [each for _, each in heapq.nsmallest(wanted.limit, found, key=lambda pair: pair[0])]
    return Found(_dated(connection, plan, shown), dict(counts.most_common()), unreadable)


def of_state(state: State, partition: int) -> Iterator[Waiting]:
    """Iterate over a saga's incidents."""
    for key, incident in state.incidents.items():
        tries = state.tries.get(key)
        yield Waiting(
            state.saga_id, state.status.value, incident.kind, incident.about, key, "",
            tries.attempt if tries else 0, incident.reason, partition, incident.offset,
        )  # fmt: skip


def _is_wanted(plan: Plan, each: Waiting, wanted: Wanted) -> bool:
    steps = (each.about, plan.said_by.get(each.about, ""))
    return wanted.kind in ("", each.kind) and wanted.step in ("", *steps)


def _dated(connection: Connection, plan: Plan, shown: list[Waiting]) -> list[Waiting]:
    """Add since when each waits: the time of the record that opened it."""
    if not shown:
        return []
    places = [(each.partition, each.offset) for each in shown]
    records = pick(connection, plan.spec.log_topic, places)
    times = {place: timestamp(m.timestamp()[1]).decode() for place, m in records.items()}
    return [replace(e, since=times.get((e.partition, e.offset), "")) for e in shown]


def _states(
    connection: Connection, plan: Plan, progress: Progress
) -> tuple[list[tuple[int, State]], int]:
    """The sagas with incidents, each with its partition, and how many rows cannot be read."""
    # Positions first: rows are acked before their position is committed.
    positions = committed(connection, plan.spec.group, plan.spec.log_topic)
    ends = watermarks(connection, plan.spec.log_topic)
    start = {number: max(low, positions.get(number, low)) for number, (low, _) in ends.items()}
    tables = watermarks(connection, plan.spec.table_topic)
    total = sum(high - start[number] for number, (_, high) in ends.items())
    total += sum(high - low for low, high in tables.values())
    done = 0

    def read() -> None:
        nonlocal done
        done += 1
        if done % _PROGRESS_EVERY == 0:
            progress(done, total)

    rows = stored(connection, plan.spec.table_topic, read)
    folded, unreadable = _fold_on(connection, plan, start, rows, read)
    for key, each in rows.items():
        if not may_have_incidents(each.row):
            continue
        state = state_of(plan, key, each.row)
        if state is None:
            unreadable += 1
        elif state.incidents:
            folded.append((each.partition, state))
    progress(total, total)
    return folded, unreadable


def _fold_on(
    connection: Connection, plan: Plan, start: dict[int, int], rows: dict[str, Stored],
    read: Callable[[], None],
) -> tuple[list[tuple[int, State]], int]:  # fmt: skip
    """Fold the log from the committed positions on; takes the rows of the sagas met from `rows`."""
    folding = {number: Table(plan) for number in start}
    unreadable = 0
    for message in snapshot(connection, plan.spec.log_topic, start):
        read()
        try:
            record = record_of(message)
        except UnreadableHeaders:
            continue
        table = folding[message.partition() or 0]
        each = rows.pop(record.key, None)
        if each is not None and state_of(plan, record.key, each.row) is None:
            unreadable += 1
        elif each is not None:
            table.load(record.key, each.row)
        table.fold(record)
        if len(table.dirty) >= _PACK_EVERY:
            table.pack(list(table.dirty))
            table.cool()
    states = [(n, state) for n, table in folding.items() for state in table.live()]
    return [(number, state) for number, state in states if state.incidents], unreadable


def may_have_incidents(row: bytes) -> bool:
    """Whether a row is worth unpacking, which takes fifty times as long as this.

    A row ends with its incidents: behind the last one's reason, if it has one, is one zero byte; a
    row without any ends with two.
    """
    if glance(row)[3]:
        return False
    return not row.endswith(b"\0\0") or any(word in row for word in _WORDS)
