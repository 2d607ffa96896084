"""Checkpoints: rows acked first, then the position that they cover. Off the path of work.

A position is committed only past what is folded and whose rows are acked; handlers that still run
need no mention, since what is due is a function of the state.

Rows of another writer, as of a worker that slept and came back, are written again: a gap between
the own ones tells of them, and where nothing is written any more, a look at the end of the topic.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Container, Coroutine, Iterable
from typing import Any, Protocol

from minuet.core.row import BLANK, peek
from minuet.core.state import State
from minuet.engines.compose import Composer, Trouble
from minuet.engines.letters import Letters
from minuet.engines.log import Append, Log
from minuet.engines.partition import Partition
from minuet.engines.turns import TURNS, Turns
from minuet.errors import BrokerError
from minuet.settings.worker import Options

PATIENCE_S = 1.0  # with partitions whose rows are not acked; then the others go on

_LOG = logging.getLogger("minuet.worker")


class Owner(Protocol):
    """What checkpoints want of the loop."""

    parts: dict[int, Partition]

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run beside everything else; a failure stops the worker."""

    @property
    def coordinates(self) -> bool:
        """Whether this unit writes rows."""

    def append(self, part: Partition, append: Append) -> None:
        """Append for a partition."""


class Checkpoints:
    """Stores what was folded, every so often and when a partition is given back.

    Args:
        owner: the loop.
        log: where rows and positions go.
        composer: makes the rows' records.
        letters: writes dead letters.
        options: how often.
        turns: for how long others wait.
    """

    def __init__(
        self, owner: Owner, log: Log, composer: Composer, letters: Letters, options: Options,
        turns: Turns = TURNS,
    ) -> None:  # fmt: skip
        self._owner = owner
        self._log = log
        self._composer = composer
        self._letters = letters
        self._options = options
        self._turns = turns
        self._records = 0
        self._some = asyncio.Event()
        self._enough = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def count(self, records: int) -> None:
        """Count folded records towards the next checkpoint; 0 when only a position moved."""
        self._some.set()
        self._records += records
        if self._records >= self._options.checkpoint_records:
            self._enough.set()

    def start(self) -> None:
        """Begin to checkpoint in the background."""
        self._tasks = [self._owner.spawn(self._forever())]
        if self._owner.coordinates and self._options.look_s:
            self._tasks.append(self._owner.spawn(self._look_forever()))

    def stop(self) -> None:
        """Begin no more checkpoints; one under way goes on."""
        for task in self._tasks:
            task.cancel()

    async def _forever(self) -> None:
        while True:
            await self._some.wait()
            try:
                async with asyncio.timeout(self._options.checkpoint_ms / 1000):
                    await self._enough.wait()
            except TimeoutError:
                pass
            self._records = 0
            self._some.clear()
            self._enough.clear()
            free = [p for p in self._owner.parts.values() if not p.storing.locked()]
            if len(free) < len(self._owner.parts):
                self._some.set()  # some topic is slow: look again, but do not wait for it
            under_way = [self._owner.spawn(self._one(p)) for p in free if _is_due(p)]
            if under_way:
                await asyncio.wait(under_way, timeout=PATIENCE_S)

    async def now(self, parts: Iterable[Partition]) -> None:
        """Checkpoint these partitions."""
        await asyncio.gather(*(self._one(part) for part in parts))

    async def _one(self, part: Partition) -> None:
        async with part.storing:
            if _is_due(part):
                await self._store(part)

    async def _store(self, part: Partition) -> None:
        position = min([part.position, *part.letters, *part.rebuilding])
        over = part.table.over()
        await self._bury(part, over)
        while part.table.dirty:
            offsets = await self._write(part, list(part.table.dirty), position)
            if not self._owner.coordinates or not await self._foreign(part, offsets):
                break
        if not part.live:
            return
        if part.committed != position:
            self._commit(part, position)
        part.table.cool()
        await self._tombstones(part, over)
        if part.live and not part.overtaken:
            part.store.save(part.next_row, position, part.table.log_time)

    def _commit(self, part: Partition, position: int) -> None:
        part.committed = position
        self._log.commit({part.number: position})

    async def _write(
        self, part: Partition, keys: list[str], position: int | None = None
    ) -> list[int]:
        """Write the rows of these sagas and return their offsets once all are acked.

        Where the log can, the position that they cover, if any, is committed together with them.
        """
        try:
            return await self._rows(part, keys, position)
        except BaseException:
            part.table.dirty.update(dict.fromkeys(keys))  # they may not be stored
            raise

    async def _rows(self, part: Partition, keys: list[str], position: int | None) -> list[int]:
        acks = _Acks()
        every = self._turns.every
        for start in range(0, len(keys), every):
            if start:
                await self._turns.over()
            for key, row in part.table.pack(keys[start : start + every]):
                if self._owner.coordinates:
                    self._owner.append(part, acks.expect(self._composer.row(part.number, key, row)))
        # Only without a pause they are one: else rows of before could fail, and it would not.
        if position is not None and self._log.atomic and part.live and len(keys) <= every:
            self._commit(part, position)
        await self._turns.over()
        return await acks.all(part)

    async def _foreign(self, part: Partition, offsets: list[int]) -> bool:
        """Whether somebody else wrote rows between ours; those keys are written again."""
        own = set(offsets)
        end = max(own, default=part.next_row - 1) + 1
        gaps = [o for o in range(part.next_row, end) if o not in own]
        theirs = bool(gaps) and await self._theirs(part, gaps[0], gaps[-1] + 1, own)
        part.next_row = end
        return theirs

    async def _theirs(
        self, part: Partition, start: int, end: int | None, own: Container[int] = ()
    ) -> bool:
        """Have rows of somebody else written again, or removed; returns whether there were any.

        Removed is only what was folded no further than here: of a saga that has been dropped, and
        would rise again. A row from further on is an owner's who has taken over meanwhile.
        """
        acks, some = _Acks(), False
        async for chunk in self._log.rows(part.number, start, end):
            if not part.live:
                break
            for raw, row, offset in chunk:
                part.next_row = max(part.next_row, offset + 1)
                if offset in own:
                    continue
                some, key = True, raw.decode()
                if _log_offset(row) >= part.position:
                    part.overtaken = True
                if part.table.get(key) is not None:
                    part.table.dirty[key] = None
                elif row is not None and _log_offset(row) < part.position:
                    self._owner.append(
                        part, acks.expect(self._composer.row(part.number, key, None))
                    )
        await acks.all(part)
        return some

    async def renew(self, part: Partition, keys: list[str], gone: list[str]) -> None:
        """Write rows of these sagas so that they count whatever stands before them, and remove
        the rows of those that are gone. A crash in between leaves sagas of which nothing is known:
        who asked for it sees to it that it is done again before anything else.
        """
        async with part.storing:
            blanks = await self._append(part, [(key, BLANK) for key in (*keys, *gone)])
            rest = await self._append(part, [(key, None) for key in gone])
            rows = await self._write(part, keys)
            if part.live:
                await self._foreign(part, [*blanks, *rest, *rows])

    async def _append(self, part: Partition, rows: list[tuple[str, bytes | None]]) -> list[int]:
        acks = _Acks()
        for key, row in rows:
            self._owner.append(part, acks.expect(self._composer.row(part.number, key, row)))
        return await acks.all(part)

    async def _look_forever(self) -> None:
        """Look behind the own rows every so often: where nothing happens, no gap would tell."""
        while True:
            await asyncio.sleep(self._options.look_s)
            await self.look()

    async def look(self) -> None:
        """Look behind the own rows now."""
        for part in list(self._owner.parts.values()):
            async with part.storing:  # by then all own rows are acked
                await self._look(part)

    async def _look(self, part: Partition) -> None:
        if not part.restored or not part.live:
            return
        try:
            await self._theirs(part, part.next_row, None)
        except BrokerError as failure:
            _LOG.warning("rows of partition %s are looked at later: %s", part.number, failure)
        if part.table.dirty:
            self.count(0)

    async def _bury(self, part: Partition, over: list[State]) -> None:
        """Make dead letters of events whose saga never began."""
        if not self._owner.coordinates:
            return
        acks = _Acks()
        for state in over:
            trouble = Trouble("early", f"no saga {state.saga_id} began within the time allowed")
            for entry in state.held:
                self._letters.write(part, state.saga_id, entry, trouble, written=acks.awaited())
        await acks.all(part)

    async def _tombstones(self, part: Partition, over: list[State]) -> None:
        """Drop what has been kept long enough; after the commit, so that no restore misses it."""
        acks = _Acks()
        for old in over:
            state = part.table.get(old.saga_id)
            if state is None or state.log_offset != old.log_offset:
                continue
            part.table.forget(old.saga_id)
            if self._owner.coordinates:
                tombstone = self._composer.row(part.number, old.saga_id, None)
                self._owner.append(part, acks.expect(tombstone))
        offsets = await acks.all(part)
        if offsets and await self._foreign(part, offsets):
            self.count(0)  # somebody else's rows stood between: ours are written again


def _log_offset(row: bytes | None) -> int:
    """How far a row has the log; what is no row, not at all."""
    try:
        return -1 if row is None else peek(row)[0]
    except IndexError:
        return -1


def _is_due(part: Partition) -> bool:
    """Whether a checkpoint would change anything, and may: what is not known of a saga whose row
    cannot be read must not be stored.
    """
    changed = part.position != part.committed or bool(part.table.dirty)
    return part.restored and part.live and changed and not part.table.unreadable


class _Acks:
    """Waits for the acks of a set of appends."""

    def __init__(self) -> None:
        self._waiting = 0
        self._offsets: list[int] = []
        self._done = asyncio.Event()

    def expect(self, append: Append) -> Append:
        append.acked = self.awaited()
        return append

    def awaited(self) -> Callable[[Append, int], None]:
        """Return what is to be called at one more ack."""
        self._waiting += 1
        self._done.clear()
        return self._acked

    def _acked(self, _append: Append, offset: int) -> None:
        self._waiting -= 1
        self._offsets.append(offset)
        if not self._waiting:
            self._done.set()

    async def all(self, part: Partition) -> list[int]:
        """Return the offsets when all are acked, or what there is when the assignment ends."""
        while self._waiting and part.live:
            try:
                async with asyncio.timeout(0.5):
                    await self._done.wait()
            except TimeoutError:
                continue
        return self._offsets
