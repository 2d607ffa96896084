"""Some sagas as the log says now: their rows, and the log from the committed positions on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from minuet.core.plan import Plan
from minuet.core.state import State
from minuet.core.table import Table
from minuet.event.record import UnreadableHeaders
from minuet.inspection.rows import Stored, state_of, stored
from minuet.kafka import topics
from minuet.kafka.connection import Connection
from minuet.kafka.offsets import committed, watermarks
from minuet.kafka.reading import record_of, snapshot

_PROGRESS_EVERY = 2_000
_PACK_EVERY = 5_000  # sagas, so that a log without any table needs little memory

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Current:
    """Sagas at one moment.

    Args:
        rows: saga -> its row.
        after: partition of the log -> the next offset, which was not read.
    """

    plan: Plan
    rows: Mapping[str, Stored]
    after: Mapping[int, int]

    def state(self, saga: str) -> State | None:
        """Return a state of one's own; None when nothing is known of the saga."""
        kept = self.rows.get(saga)
        return state_of(self.plan, saga, kept.row) if kept is not None else None


def current(
    connection: Connection, plan: Plan, sagas: Collection[str], progress: Progress
) -> Current:
    """Read where these sagas stand.

    Where no worker has ever committed a position, the whole log is folded.

    Raises:
        BrokerError: Kafka cannot be reached.
        UsageError: a topic is missing or wrong.
    """
    spec = plan.spec
    topics.check(connection, spec)
    # Positions first: rows are acked before their position is committed.
    positions = committed(connection, spec.group, spec.log_topic)
    ends = watermarks(connection, spec.log_topic)
    start = {number: max(low, positions.get(number, low)) for number, (low, _) in ends.items()}
    after = {number: high for number, (_, high) in ends.items()}
    tables = watermarks(connection, spec.table_topic)
    total = sum(after[number] - start[number] for number in after)
    total += sum(high - low for low, high in tables.values())
    done = 0

    def read() -> None:
        nonlocal done
        done += 1
        if done % _PROGRESS_EVERY == 0:
            progress(done, total)

    rows = stored(connection, spec.table_topic, read, only=sagas)
    folding = {number: Table(plan) for number in start}
    for message in snapshot(connection, spec.log_topic, start, after):
        read()
        key = (message.key() or b"").decode(errors="replace")
        if key in sagas:
            number = message.partition() or 0
            try:
                record = record_of(message)
            except UnreadableHeaders:
                continue
            table = folding[number]
            kept = rows.pop(key, None)
            if kept is not None and state_of(plan, key, kept.row) is not None:
                table.load(key, kept.row)
            table.fold(record)
            if len(table.dirty) >= _PACK_EVERY:
                _pack(table, number, rows)
    for number, table in folding.items():
        _pack(table, number, rows)
    progress(total, total)
    return Current(plan, rows, after)


def _pack(table: Table, number: int, rows: dict[str, Stored]) -> None:
    for key, row in table.pack(list(table.dirty)):
        rows[key] = Stored(number, row)
        table.forget(key)
