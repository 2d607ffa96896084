"""The sagas of one partition of the log: rows at rest, states in use.

A saga at rest is its packed row. A table is folded from the log alone; how and when its rows are
stored is the engine's affair.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from minuet.core.fold import fold
from minuet.core.plan import Plan
from minuet.core.row import is_blank, pack, peek, unpack
from minuet.core.rows import MemoryRows, Rows
from minuet.core.state import State, Status
from minuet.event.record import Record

HOT_MOST = 20_000  # states kept unpacked after a checkpoint, in each partition: about 3 KB each
HOT_LEAST = 500  # so many are kept however long nothing has happened to them
HOT_IDLE_MS = 5_000  # of log time without a record, after which a state beyond these is let go
SWEEP_ROWS = 2_000  # rows looked at for their age at one checkpoint: about 9 ms, on disk
CLOCKS_APART_MS = 3600 * 1000  # how far log time may go back when a partition's leader changes

_LIVE = (Status.RUNNING, Status.FAILING)


def _may_be_dropped(row: bytes) -> bool:
    _, status, _, rest = peek(row)
    return rest or status is Status.EARLY


class Table:
    """The sagas of one partition.

    Args:
        plan: the compiled workflow.
        rows: where rows at rest are kept; in memory, when none is given.
        log_time: the largest record time that they know of, ms since 1970.

    Attributes:
        log_time: the largest record time folded, ms since 1970.
        log_end: one past the largest offset of the log that a loaded row knows of.
        dirty: keys whose state is newer than their row.
        rewrite: keys whose last stored row is not the one that counts (another writer's).
        unreadable: sagas whose row is none; until somebody has folded them anew, nothing is known
            of them and nothing of this table may be stored.
    """

    def __init__(self, plan: Plan, rows: Rows | None = None, log_time: int = 0) -> None:
        self.plan = plan
        self.log_time = log_time
        self.log_end = 0
        self.dirty: dict[str, None] = {}
        self.rewrite: set[str] = set()
        self.unreadable: set[str] = set()
        self._rows: Rows = MemoryRows() if rows is None else rows
        self._hot: dict[str, State] = {}
        self._early: dict[str, None] = {}
        self._expired: list[State] = []
        self._sweep: Iterator[str] = iter(())
        self._swept_at = 0

    def __len__(self) -> int:
        return len(self._rows) + sum(1 for _ in self._rowless())

    def _rowless(self) -> Iterator[str]:
        """Iterate over the sagas that have no row yet; all of them are dirty."""
        yield from [key for key in self.dirty if self._rows.get(key) is None]

    def keys(self) -> Iterator[str]:
        """Iterate over the ids of every saga kept."""
        rowless = dict.fromkeys(self._rowless())
        yield from rowless
        yield from (key for key in self._rows.keys() if key not in rowless)  # noqa: SIM118

    def get(self, key: str) -> State | None:
        """Return a saga's state, or None when nothing is known of it."""
        state = self._hot.get(key)
        if state is None and (row := self._rows.get(key)) is not None:
            state = self._unpacked(key, row)
            if state is not None:
                self._hot[key] = state
        return state

    def _unpacked(self, key: str, row: bytes) -> State | None:
        """Return the state of a row; of bytes that are none, note it and keep nothing."""
        try:
            return unpack(self.plan, key, row)
        except Exception:  # whatever bytes can make fastavro raise
            self._rows.drop(key)
            self.unreadable.add(key)
            return None

    def fold(self, record: Record) -> State:
        """Fold a record into its saga and return the saga's state."""
        state = self._hot.get(record.key)
        if state is None or state.status not in _LIVE:
            state = self._open(record)
        fold(self.plan, state, record)
        self.dirty[record.key] = None
        if record.time > self.log_time:
            self.log_time = record.time
        if state.status is Status.EARLY:
            self._early[record.key] = None
        return state

    def _open(self, record: Record) -> State:
        """Return the saga that the record belongs to: a new one when the old one is over.

        A function of the saga and the record alone, so that it is the same at every rebuild.
        """
        key = record.key
        state = self.get(key)
        if state is not None:
            rest = state.status.ended and not state.seen
            fresh = record.offset > state.log_offset
            if not fresh or not self._is_over(state.status, state.at, rest, record.time):
                return state
            if state.status is Status.EARLY:
                self._expired.append(state)
        self._hot[key] = state = State(key)
        return state

    def _is_over(self, status: Status, at: int, rest: bool, now: int) -> bool:
        """Whether an early saga, or one at rest, has been kept long enough by log time."""
        spec = self.plan.spec
        if status is Status.EARLY:
            return now - at > spec.early_ms
        return rest and now - at > spec.duplicate_horizon_ms

    def is_over(self, state: State) -> bool:
        """Whether a saga has been kept long enough, so that its row may be gone."""
        rest = state.status.ended and not state.seen
        now = self.log_time - CLOCKS_APART_MS
        return self._is_over(state.status, state.at, rest, now)

    def may_have_missed(self, known: int) -> bool:
        """Whether a saga that went on when log time was `known` may have been forgotten since, so
        that nothing in the topic of rows speaks of it any more.
        """
        return self.log_time - known > self.plan.spec.duplicate_horizon_ms

    def load(self, key: str, row: bytes | None) -> None:
        """Take over a stored row, None for a tombstone; the largest log offset wins.

        A tombstone behind the row of a live saga is another writer's, who knew the one before it.
        Behind a blank row nothing counts that stood before.
        """
        kept = self._rows.get(key)
        if row is None:
            if kept is not None and not _may_be_dropped(kept):
                self.rewrite.add(key)
                return
            self._rows.drop(key)
            self.rewrite.discard(key)
            self.unreadable.discard(key)
            return
        try:
            offset, _, at, _ = peek(row)
        except IndexError:
            self.unreadable.add(key)
            return
        self.unreadable.discard(key)
        if is_blank(row):
            self._rows.drop(key)
            self.rewrite.discard(key)
            self.unreadable.add(key)  # until the row that is to follow it: its writer may have died
            return
        self.log_time = max(self.log_time, at)
        self.log_end = max(self.log_end, offset + 1)
        if kept is not None and peek(kept)[0] > offset:
            self.rewrite.add(key)
            return
        self.rewrite.discard(key)
        self._rows.put(key, row)

    def loaded(self) -> None:
        """End loading: rows that another writer covered count as not stored."""
        for key in self.rewrite:
            self.dirty[key] = None
        self.rewrite.clear()
        for key, row in self._rows.live():
            if peek(row)[1] is Status.EARLY:
                self._early[key] = None

    def live(self) -> Iterator[State]:
        """Iterate over the sagas that are not ended and at rest: those of now, whatever is stored
        meanwhile.
        """
        unstored = dict.fromkeys(key for key in self.dirty if not self._is_stored_live(key))
        for key in unstored:
            state = self._hot.get(key)
            if state is not None:
                yield state
        for key, _ in self._rows.live():
            if key in unstored:
                continue  # its row has come meanwhile
            state = self._hot.get(key)
            if state is None:
                row = self._rows.get(key)
                if row is None or peek(row)[3]:
                    continue  # meanwhile it ended, or was forgotten
                state = self._unpacked(key, row)
            if state is not None:
                yield state

    def _is_stored_live(self, key: str) -> bool:
        row = self._rows.get(key)
        return row is not None and not peek(row)[3]

    def pack(self, keys: Iterable[str]) -> list[tuple[str, bytes]]:
        """Pack these sagas, mark them stored, and return their rows."""
        packed = []
        for key in keys:
            state = self._hot.pop(key, None)
            row = self._rows.get(key) if state is None else pack(self.plan, state)
            self.dirty.pop(key, None)
            if row is None:
                continue  # forgotten, or its partition was given back
            if state is not None:
                self._hot[key] = state  # last in order: something has happened to it
                self._rows.put(key, row)
            packed.append((key, row))
        return packed

    def cool(self) -> None:
        """Let go of unpacked states whose rows are up to date: of those beyond `HOT_MOST`, and of
        those that nothing has happened to for a while, as where a service is down; oldest first.
        """
        spare, excess = len(self._hot) - HOT_LEAST, len(self._hot) - HOT_MOST
        if spare <= 0:
            return
        old: list[str] = []
        for key, state in self._hot.items():
            is_idle = self.log_time - state.at > HOT_IDLE_MS
            if len(old) >= spare or (not is_idle and len(old) >= excess):
                break
            if key not in self.dirty:
                old.append(key)
        for key in old:
            del self._hot[key]

    def over(self) -> list[State]:
        """Return some of the sagas that have been kept long enough, to be forgotten.

        Ended ones are dropped in silence; what an early one holds becomes dead letters.
        """
        found, self._expired = self._expired, []
        now = self.log_time - CLOCKS_APART_MS
        keys = dict.fromkeys([*self._early, *self._next_of_sweep()])
        for key in keys:
            row = self._rows.get(key)
            if row is not None and key not in self.dirty:
                _, status, at, rest = peek(row)
                if status is not Status.EARLY:
                    self._early.pop(key, None)
                if self._is_over(status, at, rest, now) and (state := self._unpacked(key, row)):
                    found.append(state)
        return found

    def _next_of_sweep(self) -> list[str]:
        """Go over all rows in small pieces, once for each hundredth of the horizon."""
        piece = list(islice(self._sweep, SWEEP_ROWS))
        every_ms = self.plan.spec.duplicate_horizon_ms // 100
        if not piece and self.log_time - self._swept_at >= every_ms:
            self._swept_at = self.log_time
            self._sweep = self._rows.keys()
            piece = list(islice(self._sweep, SWEEP_ROWS))
        return piece

    def reach(self) -> int:
        """Return one past the largest offset of the log that a row knows of, looking at all."""
        rows = (self._rows.get(key) for key in self._rows.keys())  # noqa: SIM118  (no mapping)
        return max((peek(row)[0] + 1 for row in rows if row is not None), default=0)

    def replace(self, key: str, row: bytes) -> None:
        """Have a saga be what this row says; it is dirty then."""
        self.forget(key)
        self._rows.put(key, row)
        self.dirty[key] = None
        if peek(row)[1] is Status.EARLY:
            self._early[key] = None

    def forget(self, key: str) -> None:
        """Drop a saga that is over."""
        self.unreadable.discard(key)
        self._rows.drop(key)
        self._hot.pop(key, None)
        self._early.pop(key, None)
        self.dirty.pop(key, None)
