"""Assignments: partitions that come with rows and a place to read on from, and that go again.

Nothing is done in a partition before its table is what the log says up to where it ended when the
assignment began.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from typing import Any, Protocol

from minuet.core.plan import Plan
from minuet.core.state import State
from minuet.core.table import Table
from minuet.engines.asking import high_of
from minuet.engines.flow import Flow
from minuet.engines.log import Log, Position, Unreadable
from minuet.engines.partition import Partition
from minuet.engines.row_store import RowStores
from minuet.engines.turns import TURNS, Turns
from minuet.errors import UsageError
from minuet.event.record import Record

_LOG = logging.getLogger("minuet.worker")


class Owner(Protocol):
    """What assignments want of the loop."""

    plan: Plan
    parts: dict[int, Partition]

    @property
    def coordinates(self) -> bool:
        """Whether this unit writes rows."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run beside everything else; a failure stops the worker."""

    def read(self, partition: int, records: Sequence[Record | Unreadable]) -> None:
        """Fold records of the log, then do what has become due."""

    def reached(self, partition: int, offset: int) -> None:
        """Note how far has been read, and that there may be something to checkpoint."""

    def act(self, part: Partition, state: State) -> None:
        """Say and run what is due in a saga."""


class Mending(Protocol):
    """What assignments want of rebuilds."""

    def is_whole(self, part: Partition) -> bool:
        """Whether nothing is left to be made anew; else it is begun, and `reached` follows."""


class Listening(Protocol):
    """What assignments want of calls."""

    def follow(self, part: Partition) -> None:
        """Listen for the calls of a partition."""

    def unfollow(self, part: Partition) -> None:
        """Listen no more."""


class Assignments:
    """Begins and ends the assignments of one loop.

    Args:
        owner: the loop.
        log: where rows are read.
        flow: what is read before the rows are there waits in it.
        calls: of restored partitions.
        stores: where rows are kept.
        rebuilds: what must be whole before anything is done.
        turns: for how long others wait.
    """

    def __init__(  # noqa: PLR0913  (one seam each)
        self, owner: Owner, log: Log, flow: Flow, calls: Listening, stores: RowStores,
        rebuilds: Mending, turns: Turns = TURNS,
    ) -> None:  # fmt: skip
        self._rebuilds = rebuilds
        self._owner = owner
        self._stores = stores
        self._log = log
        self._flow = flow
        self._calls = calls
        self._turns = turns

    def assigned(self, positions: Mapping[int, Position]) -> None:
        """Begin with new partitions: load their rows, then read on from the last commit."""
        owner = self._owner
        for number, position in positions.items():
            store = self._stores.open(number, position.high)
            part = owner.parts[number] = Partition.of(owner.plan, number, position, store)
            owner.spawn(self._restore(part))
        self._flow.assigned()

    def end(self, partitions: Iterable[int]) -> None:
        """End assignments: nothing more is started in them, nothing is said."""
        for number in partitions:
            part = self._owner.parts.pop(number, None)
            if part is not None:
                part.end()
                self._calls.unfollow(part)

    def reached(self, partition: int, offset: int) -> None:
        """Note how far has been read, beyond the last record perhaps."""
        part = self._owner.parts.get(partition)
        if part is not None and not part.loaded:
            part.end_read = offset
        elif part is not None and part.live:
            part.reach(offset)
            self.restored_yet(part)

    def restored_yet(self, part: Partition) -> None:
        """Begin to act, once all is folded that stood in the log at first."""
        if part.restored or part.position < part.high:
            return
        if self._rebuilds.is_whole(part):
            part.restored = True
            self._calls.follow(part)
            self._owner.spawn(self._begin(part))

    async def _restore(self, part: Partition) -> None:
        known = part.store.log_time
        rows = await self._load(part)
        if part.live and known and part.table.may_have_missed(known):
            _LOG.info("partition %s: its rows on disk are too old: all are read", part.number)
            part.store.forget()
            part.table = Table(self._owner.plan, part.store.rows)
            rows = await self._load(part)
        if not part.live:
            return
        if not part.next_row and next(iter(part.store.rows.keys()), None) is None:
            await self._fold_anew(part)
        part.table.loaded()
        if part.table.log_end > part.high:  # a row that counts no more may have said so
            await self._refuse_another_log(part, part.table.reach())
        _LOG.info("partition %s: %s rows loaded, reading on from %s to %s",
                  part.number, rows, part.position, part.high)  # fmt: skip
        if part.live:
            self._catch_up(part)

    async def _load(self, part: Partition) -> int:
        """Read the rows that the store does not know; returns how many."""
        rows, part.next_row = 0, part.store.start
        async for chunk in self._log.rows(part.number, part.store.start):
            if not part.live:
                break
            for key, row, offset in chunk:
                part.table.load(key.decode(), row)
                part.next_row = offset + 1
            rows += len(chunk)
        return rows

    async def _fold_anew(self, part: Partition) -> None:
        """Fold what stands before the position: it speaks of a table of which no row is left.

        The position goes back first: who dies amid the rows' writing leaves some of them, and who
        comes next has to begin as early.
        """
        begun, every = False, self._turns.every
        async for chunk in self._log.history(part.number, 0, part.position):
            if chunk and not begun and part.live:
                begun, low = True, chunk[0].offset
                _LOG.warning("partition %s: it was read up to %s, and its table has no row: it is "
                             "made anew from %s on", part.number, part.position, low)  # fmt: skip
                if self._owner.coordinates:
                    self._log.commit({part.number: low})
            for start in range(0, len(chunk), every):
                for record in chunk[start : start + every]:
                    if isinstance(record, Record):  # a request of then, or a letter, is dealt with
                        part.table.fold(record)
                part.table.pack(list(part.table.dirty))  # so that memory stays flat
                part.table.cool()
                await self._turns.over()
                if not part.live:
                    return
        part.table.dirty.update(dict.fromkeys(part.table.keys()))  # all of it is to be stored

    async def _refuse_another_log(self, part: Partition, known: int) -> None:
        """Stop where rows know more than the log has: its events would be taken for known ones."""
        high = await high_of(self._log, part, "rows")  # it has gone on meanwhile, perhaps
        spec = self._owner.plan.spec
        if high is not None and known > high:
            message = (
                f"{spec.table_topic} knows partition {part.number} of {spec.log_topic} up to "
                f"offset {known - 1}, and the log ends at {high}: it was made anew, or lost what "
                f"was acknowledged. To go on with the log as it is, delete {spec.table_topic} and "
                f"run `minuet topics apply {spec.name}`: the table is made again from the log"
            )
            raise UsageError(message)

    def _catch_up(self, part: Partition) -> None:
        """Fold what was read while the rows were loaded."""
        backlog = self._flow.loaded(part)
        if backlog:
            self._owner.read(part.number, backlog)
        self._owner.reached(part.number, max(part.position, part.end_read))

    async def _begin(self, part: Partition) -> None:
        """Ask each live row what is due (rule 2)."""
        for count, state in enumerate(part.table.live(), 1):
            if not part.live:
                return
            self._owner.act(part, state)
            await self._turns.taken(count)
        self._rebuilds.is_whole(part)
