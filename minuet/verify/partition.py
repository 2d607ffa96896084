"""One partition: its rows held against the fold of its log, record by record.

Kept in memory are the rows not compared yet and, for each saga, a few words; ended sagas are packed
away, so that a million events need little.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from minuet.core.plan import Plan
from minuet.core.row import is_blank, pack, peek
from minuet.core.state import COUNTS, State, Status
from minuet.core.table import Table
from minuet.event.record import Record
from minuet.kafka.partitioner import partition_of
from minuet.verify.report import Difference, FieldDifference, Report
from minuet.verify.rows import UnreadableRow, compare

_PACK_EVERY = 5_000  # ended sagas
_TOMBSTONE = -1


@dataclass(frozen=True)
class Bounds:
    """A partition, where its log begins, and the position that the coordinator committed."""

    partition: int
    partitions: int
    begins: int
    committed: int


class Check:
    """Takes all rows of a partition, then all records of its log.

    Args:
        plan: the compiled workflow.
        bounds: of the partition.
        meant: whether differences of a saga are told.
    """

    def __init__(
        self, plan: Plan, bounds: Bounds, meant: Callable[[str], bool] = lambda _saga: True
    ) -> None:
        self.spec = plan.spec
        self.report = Report(plan.spec.name, partitions=1)
        self._plan = plan
        self._bounds = bounds
        self._meant = meant
        self._table = Table(plan)
        # By the offset in the log; each with how many rows stood before it in the topic.
        self._rows: dict[int, dict[tuple[str, bytes], int]] = {}
        self._taken = 0
        self._renewing = False  # a request to make the table anew is not fulfilled yet
        self._blank: dict[str, int] = {}  # saga -> of its rows, those before this one do not count
        self._cut_short: dict[str, int] = {}  # saga -> rows that are none
        self._last_row: dict[str, int] = {}  # what compaction keeps: saga -> offset in the log
        self._owed: dict[str, int] = {}  # saga -> its last offset before the committed position
        self._statuses: dict[str, Status] = {}
        self._counts: dict[str, dict[str, int]] = {}
        self._incidents: dict[str, int] = {}
        self._resting: list[str] = []

    def row(self, key: bytes, row: bytes | None) -> None:
        """Take a stored row, None for a tombstone."""
        saga = key.decode(errors="replace")
        self._taken += 1
        if row is None:
            self._last_row[saga] = _TOMBSTONE
            return
        try:
            offset = peek(row)[0]
        except IndexError:
            self._cut_short[saga] = self._cut_short.get(saga, 0) + 1
            return
        if is_blank(row):
            self._blank[saga] = self._taken
            self._cut_short.pop(saga, None)
            self._last_row[saga] = _TOMBSTONE
            return
        self._last_row[saga] = offset
        self._rows.setdefault(offset, {})[saga, row] = self._taken

    def record(self, record: Record) -> None:
        """Fold a record, and compare the rows that were written after it."""
        key = record.key
        self.report.events += 1
        state = self._table.fold(record)
        if key not in self._statuses:
            place = partition_of(key.encode(), self._bounds.partitions)
            self.report.misplaced += place != self._bounds.partition
        self._statuses[key] = state.status
        if state.counts:
            self._counts[key] = dict(state.counts)
        if state.incidents or key in self._incidents:
            self._incidents[key] = len(state.incidents)
        if record.offset < self._bounds.committed:
            self._owed[key] = record.offset
        else:
            self.report.uncommitted += 1
        for (saga, row), place in self._rows.pop(record.offset, {}).items():
            if place > self._blank.get(saga, 0):
                self._compare(saga, row, state)
        if state.status.ended and not state.seen:
            self._rest(key)

    def keyed(self, record: Record, field: str) -> None:
        """Take what the value of a record says its key is."""
        if field == record.key:
            return
        report = self.report
        report.miskeyed += 1
        report.miskeyed_first = report.miskeyed_first or (
            f"{record.type} at partition {self._bounds.partition}, offset {record.offset} has the "
            f"key {record.key!r} and says {field!r}"
        )

    def unreadable(self, offset: int, *, asks: bool = False) -> None:
        """Take a record that can change no saga; `asks`: for a table made anew."""
        self._renewing |= asks and offset >= self._bounds.committed
        self.report.events += 1
        self.report.unreadable += not asks
        if offset >= self._bounds.committed:
            self.report.uncommitted += 1

    def finish(self) -> Report:
        """Look at what is left, and return the result."""
        for saga, many in self._cut_short.items():
            for _ in range(many):
                self._differs("unreadable", saga, -1, "its row is cut short")
        for offset, rows in self._rows.items():
            for (saga, _), place in rows.items():
                if place <= self._blank.get(saga, 0):
                    continue
                if offset < self._bounds.begins:
                    self.report.cut += 1
                else:
                    text = f"a row says log offset {offset}, where the log has no record of it"
                    self._differs("no-record", saga, offset, text)
        for saga, offset in self._owed.items():
            self._owes(saga, offset)
        self._count()
        return self.report

    def _compare(self, saga: str, row: bytes, state: State) -> None:
        offset = state.log_offset
        if saga != state.saga_id:
            text = f"a row says log offset {offset}, where the log has saga {state.saga_id}"
            self._differs("no-record", saga, offset, text)
            return
        if self._bounds.begins and state.status is Status.EARLY:
            self.report.cut += 1
            return
        self.report.rows += 1
        try:
            fields = compare(row, pack(self._plan, state))
        except UnreadableRow as bad:
            self._differs("unreadable", saga, offset, f"its row at log offset {offset} is {bad}")
            return
        if fields:
            text = f"the row at log offset {offset} is not the fold of the log up to there"
            self._differs("row", saga, offset, text, fields)

    def _owes(self, saga: str, offset: int) -> None:
        """See that a saga whose position is committed has a row, the last one new enough."""
        last = self._last_row.get(saga, _TOMBSTONE)
        if last >= offset:
            return
        state = self._table.get(saga)
        if state is not None and self._table.is_over(state):
            return
        past = f"though log offset {self._bounds.committed} is committed and it has {offset}"
        if last != _TOMBSTONE:
            text = f"its last row is of log offset {last}, {past}"
            self._differs("behind", saga, offset, text)
        else:
            what = "its row was deleted" if saga in self._last_row else "it has no row"
            if saga in self._blank and self._renewing:
                return  # before its row is there, nothing is committed past the request
            self._differs("missing", saga, offset, f"{what}, {past}")

    def _rest(self, key: str) -> None:
        """Pack ended sagas away now and then; live ones stay as the fold left them."""
        self._resting.append(key)
        if len(self._resting) >= _PACK_EVERY:
            self._table.pack(dict.fromkeys(self._resting))
            self._table.cool()
            self._resting.clear()

    def _count(self) -> None:
        report = self.report
        report.sagas = len(self._statuses)
        for status in self._statuses.values():
            setattr(report, status.value, getattr(report, status.value) + 1)
        for counts in self._counts.values():
            for name in COUNTS:
                setattr(report, name, getattr(report, name) + counts.get(name, 0))
        report.incidents = sum(self._incidents.values())

    def _differs(
        self, kind: str, saga: str, offset: int, text: str, fields: tuple[FieldDifference, ...] = ()
    ) -> None:
        if self._meant(saga):
            place = self._bounds.partition
            self.report.differs(Difference(kind, saga, place, offset, text, fields))
