"""One assigned partition: its table, and what this owner has in hand beside the folded state.

Everything here but the table is forgotten when the assignment ends; the log has what matters.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

from minuet.core.due import FOREVER, Ahead, Slot
from minuet.core.plan import Plan
from minuet.core.state import Entry, State
from minuet.core.table import Table
from minuet.engines.log import Position, Unreadable
from minuet.engines.row_store import MemoryStore, RowStore
from minuet.event.record import CAUSES, Record

STALE_TIMERS_MOST = 1_000  # and as many as there are good ones; then they are swept

NOWHERE = -1  # a position that was never committed, or is not known to be


@dataclass(slots=True, eq=False, init=False)
class Run:
    """A slot that this owner took up.

    Args:
        running: the saga was running when it was taken up; so it is late if it fails meanwhile.
        tries: runs in this worker since the log last spoke of the slot.
        said: the id of what was appended for it, empty while it runs.
        refused: Kafka refused for good what was appended for it.
        round: of the saga when it was taken up: a late answer belongs to it.
        answered: an answer of it is on its way to the log.
    """

    part: Partition
    key: str
    slot: Slot
    running: bool
    tries: int = 0
    said: str = ""
    refused: bool = False
    round: str = ""
    answered: bool = False

    def __init__(
        self, part: Partition, key: str, slot: Slot, running: bool, round: str = ""
    ) -> None:
        self.part, self.key, self.slot, self.running = part, key, slot, running
        self.tries, self.said, self.refused = 0, "", False
        self.round, self.answered = round, False


@dataclass(slots=True, eq=False)
class Partition:
    """An assignment of one partition.

    Args:
        plan: the compiled workflow.
        number: of the partition.
        high: the log's high watermark when the assignment began: what became due from a record
            past it, no earlier owner can have started.
        position: the next offset to be folded.
        store: where the table's rows are.

    Attributes:
        live: still ours.
        loaded: its rows are in the table; what is read before waits in `backlog`.
        paused: the log was told to read no more of it for now.
        end_read: how far was read before it was loaded.
        restored: the table is what the log says up to `high`; only then is anything done.
        runs: by slot, until what they said has been read back.
        started: slots of failed sagas that ran here before the failure was read, in vain so far.
        ahead: own acked events not read back yet, by saga.
        saying: ids of coordinator events appended and not read back.
        rejecting: ids of records whose rejection is on its way.
        read_through: every record appended before this time (ms since 1970) has been folded.
        overdue: sagas with a deadline that waits for `read_through` to pass it.
        letters: offsets whose dead letter is not acked yet; nothing is committed past them.
        storing: held while it is checkpointed.
        overtaken: a row of an owner that is further on was passed over: the store may not say that
            it is known.
        rebuilding: offsets of requests to make the table anew that are not fulfilled yet; nothing
            is committed past them.
        shadow: folds each record into a table beside this one, which is made from the log's
            beginning; `tail` are those that wait for it.
        committed: the position last handed over to be committed; `next_row`: where the next own
            row should land.
    """

    plan: Plan
    number: int
    high: int
    position: int
    table: Table
    store: RowStore
    live: bool = True
    loaded: bool = False
    backlog: list[Record | Unreadable] = field(default_factory=list)
    end_read: int = -1
    paused: bool = False
    restored: bool = False
    runs: dict[str, Run] = field(default_factory=dict)
    started: set[str] = field(default_factory=set)
    ahead: dict[str, Ahead] = field(default_factory=dict)
    saying: set[str] = field(default_factory=set)
    rejecting: set[str] = field(default_factory=set)
    read_through: int = 0
    overdue: dict[str, None] = field(default_factory=dict)
    letters: set[int] = field(default_factory=set)
    rebuilding: set[int] = field(default_factory=set)
    shadow: Callable[[Record], None] | None = None
    tail: list[Record] | None = None
    storing: asyncio.Lock = field(default_factory=asyncio.Lock)
    committed: int = NOWHERE
    next_row: int = 0
    overtaken: bool = False
    _timers: list[tuple[int, str]] = field(default_factory=list)
    _armed: dict[str, int] = field(default_factory=dict)
    _sights: list[tuple[int, asyncio.Future[None]]] = field(default_factory=list)

    @classmethod
    def of(
        cls, plan: Plan, number: int, position: Position, store: RowStore | None = None
    ) -> Partition:
        """Begin an assignment; without a store, rows are kept in memory."""
        store = MemoryStore() if store is None else store
        table = Table(plan, store.rows, store.log_time)
        part = cls(plan, number, position.high, position.start, table, store)
        part.next_row = store.start
        return part

    def fold(self, record: Record) -> State:
        """Fold a record, and strike from what is in hand what it confirms."""
        state = self.table.fold(record)
        if self.shadow is not None:
            self.shadow(record)
        elif self.tail is not None:
            self.tail.append(record)
        self.saying.discard(record.id)
        if self.started:
            self.started.discard(record.slot)
        if record.slot:
            run = self.runs.get(record.slot)
            if run is not None and run.said == record.id:
                del self.runs[record.slot]
        if self.ahead and (ahead := self.ahead.get(record.key)) is not None:
            own = ahead.events.pop(record.type, None)
            plan = self.plan.of(state.version)
            if own is not None:
                ahead.mask &= ~plan.bits.get(record.type, 0)
            if not ahead.events or ahead.plan is not plan:
                del self.ahead[record.key]
        if record.type == "RecordRejected":
            self.rejecting.discard(record.text(CAUSES))
        return state

    def go_ahead(self, state: State, entry: Entry) -> Ahead:
        """Lay an own acked event over the folded state of its saga."""
        plan = self.plan.of(state.version)
        ahead = self.ahead.get(state.saga_id)
        if ahead is None:
            ahead = self.ahead[state.saga_id] = Ahead(plan=plan)
        ahead.events[entry.type] = entry
        ahead.mask |= plan.bits.get(entry.type, 0)
        return ahead

    def arm(self, key: str, when: int) -> None:
        """Have the saga looked at again at `when` (ms since 1970)."""
        if self._armed.get(key) != when:
            self._armed[key] = when
            heapq.heappush(self._timers, (when, key))

    def disarm(self, key: str) -> None:
        """Forget when the saga wanted to be looked at."""
        if self._armed.pop(key, None) is None:
            return
        if len(self._timers) > 2 * len(self._armed) + STALE_TIMERS_MOST:
            self._timers = [(when, key) for key, when in self._armed.items()]
            heapq.heapify(self._timers)

    @property
    def armed(self) -> int:
        """How many sagas want to be looked at at some time."""
        return len(self._armed)

    def is_armed(self, key: str, when: int) -> bool:
        """Whether this saga does, by then."""
        return self._armed.get(key, FOREVER) <= when

    @property
    def next_timer(self) -> int | None:
        """When the next saga wants to be looked at."""
        return self._timers[0][0] if self._timers else None

    def fired(self, now: int) -> list[str]:
        """Take the sagas whose time has come."""
        keys = []
        while self._timers and self._timers[0][0] <= now:
            when, key = heapq.heappop(self._timers)
            if self._armed.get(key) == when:
                del self._armed[key]
                keys.append(key)
        return keys

    def reach(self, offset: int) -> None:
        """Note that everything below `offset` has been folded."""
        self.position = max(self.position, offset)
        while self._sights and self._sights[0][0] <= self.position:
            _, waiting = self._sights.pop(0)
            if not waiting.done():
                waiting.set_result(None)

    def until(self, offset: int) -> asyncio.Future[None]:
        """Return what is done once everything below `offset` has been folded."""
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if not self.live:
            waiting.cancel()
            return waiting
        self._sights.append((offset, waiting))
        self._sights.sort(key=lambda sight: sight[0])
        self.reach(self.position)
        return waiting

    def end(self) -> None:
        """End the assignment: nothing more is started, nothing is said."""
        self.live = False
        for _, waiting in self._sights:
            waiting.cancel()
        self._sights.clear()
        self.store.close()
