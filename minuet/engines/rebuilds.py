"""Making a table anew from the log, while the partition goes on working.

The log is folded once more from its beginning into a table beside the one in use. When it has
caught up, both are folded on together, so that each saga can be compared at any moment; where they
differ, the new one counts. Rows are written that count whatever stood before them. Until all is
done nothing is committed past the request: after a crash the next owner reads it again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from minuet.core.row import is_blank, pack
from minuet.core.state import State, Status
from minuet.core.table import Table
from minuet.engines.log import Log, Unreadable
from minuet.engines.partition import Partition
from minuet.engines.row_store import RowStore, RowStores
from minuet.engines.turns import TURNS, Turns
from minuet.errors import BrokerError
from minuet.event.rebuild import read
from minuet.event.record import Record

CLOSE = 2_000  # records behind, from which on those that come are kept and not read again
AGAIN_S = 5.0

_LOG = logging.getLogger("minuet.worker")


class Owner(Protocol):
    """What rebuilds want of the loop."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run beside everything else; a failure stops the worker."""

    @property
    def coordinates(self) -> bool:
        """Whether this unit writes rows."""

    def reached(self, partition: int, offset: int) -> None:
        """Note how far has been read, and that there may be something to checkpoint."""

    def act(self, part: Partition, state: State) -> None:
        """Say and run what is due in a saga."""


class Storing(Protocol):
    """What rebuilds want of checkpoints."""

    async def renew(self, part: Partition, keys: list[str], gone: list[str]) -> None:
        """Write rows so that they count whatever stands before them, and remove others."""


@dataclass(slots=True)
class _Scratch:
    """The new table, which has been folded up to `at`.

    Args:
        sagas: those that are made anew; None for all.
        cut: the log no longer has its beginning.
    """

    store: RowStore
    table: Table
    sagas: frozenset[str] | None
    at: int = 0
    cut: bool = False

    def fold(self, record: Record) -> None:
        """Fold a record, if its saga is wanted."""
        if self.sagas is None or record.key in self.sagas:
            self.table.fold(record)

    def rest(self) -> None:
        """Pack away what is unpacked, so that memory stays flat."""
        self.table.pack(list(self.table.dirty))
        self.table.cool()


class Rebuilds:
    """Makes tables anew; one after the other in each partition.

    Args:
        owner: the loop.
        log: where the log is read beside the group.
        stores: give a place for the new table.
        checkpoints: write its rows.
        turns: for how long others wait.
    """

    def __init__(
        self, owner: Owner, log: Log, stores: RowStores, checkpoints: Storing,
        turns: Turns = TURNS,
    ) -> None:  # fmt: skip
        self._turns = turns
        self._owner = owner
        self._log = log
        self._stores = stores
        self._checkpoints = checkpoints
        self._wanted: dict[Partition, dict[int, frozenset[str] | None]] = {}
        self._busy: set[Partition] = set()

    def asked(self, part: Partition, record: Unreadable) -> bool:
        """Take a record of the log, if it is a request; work begins once all is read."""
        request = read(record.key, record.headers)
        if request is None:
            return False
        _LOG.info("partition %s: %s asked for a table made anew: %s",
                  part.number, request.by, request.why)  # fmt: skip
        part.rebuilding.add(record.offset)
        self._wanted.setdefault(part, {})[record.offset] = request.sagas
        if part.restored:
            self.is_whole(part)
        return True

    def is_whole(self, part: Partition) -> bool:
        """Whether nothing is left to be made anew; else it is begun, and `reached` follows."""
        if part in self._busy:
            return False
        if not part.table.unreadable and part not in self._wanted:
            return True
        self._busy.add(part)
        self._owner.spawn(self._work(part))
        return False

    async def _work(self, part: Partition) -> None:
        try:
            while part.live and (part.table.unreadable or part in self._wanted):
                await self._next(part)
        finally:
            self._busy.discard(part)
            if not part.live:
                self._wanted.pop(part, None)
        if part.live:
            self._owner.reached(part.number, part.position)

    async def _next(self, part: Partition) -> None:
        """Fulfil all that is wanted by now, at once."""
        asked = self._wanted.pop(part, {})
        named = frozenset(part.table.unreadable).union(*(s for s in asked.values() if s))
        sagas = None if None in asked.values() else named
        store = self._stores.scratch(part.number)
        scratch = _Scratch(store, Table(part.plan, store.rows), sagas)
        try:
            await self._catch_up(part, scratch)
            await self._replace(part, scratch)
        except BrokerError as failure:
            _LOG.warning("partition %s is made anew later: %s", part.number, failure)
            self._wanted.setdefault(part, {}).update(asked)
            await asyncio.sleep(AGAIN_S)
        else:
            part.rebuilding.difference_update(asked)
        finally:
            part.shadow = part.tail = None
            store.discard()

    async def _catch_up(self, part: Partition, scratch: _Scratch) -> None:
        """Fold the log from its beginning, until the new table is as far as the other."""
        while part.live and part.position - scratch.at > CLOSE:
            await self._fold(part, scratch, part.position)
        part.tail = []
        await self._fold(part, scratch, part.position)
        for record in part.tail:
            scratch.fold(record)
        part.tail, part.shadow = None, scratch.fold

    async def _fold(self, part: Partition, scratch: _Scratch, end: int) -> None:
        async for chunk in self._log.history(part.number, scratch.at, end):
            if chunk and scratch.at == 0:
                scratch.cut = chunk[0].offset > 0
            for start in range(0, len(chunk), self._turns.every):
                for record in chunk[start : start + self._turns.every]:
                    scratch.at = record.offset + 1
                    if isinstance(record, Record):
                        scratch.fold(record)
                scratch.rest()
                await self._turns.over()
                if not part.live:
                    return
        scratch.at = end

    async def _replace(self, part: Partition, scratch: _Scratch) -> None:
        differing = sagas = removed = 0
        for keys in self._slices(self._keys(scratch)):
            if not part.live:
                return
            renewed = [key for key in keys if self._is_known(part, scratch, key)]
            changed = [key for key in renewed if _replaced(part, scratch, key)]
            if self._owner.coordinates:
                await self._checkpoints.renew(part, renewed, [])
            self._act(part, changed)
            sagas, differing = sagas + len(renewed), differing + len(changed)
            scratch.rest()
            part.table.cool()
            await self._turns.over()
        for keys in self._slices(iter([] if scratch.cut else await self._strangers(part, scratch))):
            gone = [key for key in keys if scratch.table.get(key) is None]
            for key in gone:
                part.table.forget(key)
            if self._owner.coordinates:
                await self._checkpoints.renew(part, [], gone)
            removed += len(gone)
        done = part.table.unreadable if scratch.sagas is None else scratch.sagas
        part.table.unreadable.difference_update(list(done))
        _LOG.info("partition %s is made anew from the log: %s sagas, %s were otherwise, %s removed",
                  part.number, sagas, differing, removed)  # fmt: skip

    def _slices(self, keys: Iterator[str]) -> Iterator[list[str]]:
        while piece := list(islice(keys, self._turns.every)):
            yield piece

    def _keys(self, scratch: _Scratch) -> Iterator[str]:
        return scratch.table.keys() if scratch.sagas is None else iter(sorted(scratch.sagas))

    def _is_known(self, part: Partition, scratch: _Scratch, key: str) -> bool:
        """Whether the log tells what the saga is: else its row is all that there is of it."""
        state = scratch.table.get(key)
        if state is None or (scratch.cut and state.status is Status.EARLY):
            return False
        return not part.table.is_over(state) or part.table.get(key) is not None

    def _act(self, part: Partition, keys: Iterable[str]) -> None:
        for key in keys:
            state = part.table.get(key)
            if part.live and part.restored and state is not None:
                self._owner.act(part, state)

    async def _strangers(self, part: Partition, scratch: _Scratch) -> list[str]:
        """Sagas that have a row, here or in the topic, and of which the log knows nothing."""
        if scratch.sagas is not None:
            return [key for key in sorted(scratch.sagas) if scratch.table.get(key) is None]
        here: set[str] = set()
        for keys in self._slices(part.table.keys()):
            here.update(key for key in keys if scratch.table.get(key) is None)
            scratch.rest()
            await self._turns.over()
        found: set[str] = set()
        async for chunk in self._log.rows(part.number):
            for raw, row, _ in chunk:
                key = raw.decode(errors="replace")
                if row is not None and scratch.table.get(key) is None:
                    (found.discard if is_blank(row) else found.add)(key)
            scratch.table.cool()
        return sorted(here | found)


def _replaced(part: Partition, scratch: _Scratch, key: str) -> bool:
    """Have a saga be what the new table says; returns whether it was otherwise."""
    right = scratch.table.get(key)
    assert right is not None
    row, own = pack(part.plan, right), part.table.get(key)
    if own is not None and key not in part.table.unreadable and pack(part.plan, own) == row:
        return False
    part.table.replace(key, row)
    return True
