"""Timers of the sagas' state: waits of retries, and deadlines.

A deadline fires only when the partition has been read to a high watermark taken after it was due,
so that an `unless` which stands in the log always wins (rule 9).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from minuet.core.due import FOREVER, deadlines, next_timer
from minuet.core.outcomes import comes_too_early
from minuet.core.plan import Plan
from minuet.core.state import State
from minuet.engines.asking import high_of
from minuet.engines.log import Log
from minuet.engines.log_time import LogTime
from minuet.engines.partition import Partition
from minuet.event.record import Record


class Actor(Protocol):
    """What timers want of the loop."""

    plan: Plan
    parts: dict[int, Partition]

    @property
    def coordinates(self) -> bool:
        """Whether this unit says deadline events."""

    def act(self, part: Partition, state: State) -> None:
        """Say and run what is due in a saga."""


class Waits(Protocol):
    """What timers want of calls."""

    def leaves(self, part: Partition, key: str, until: int) -> bool:
        """Whether a saga that waits for so long needs no timer here."""


class Timers:
    """Wakes sagas for which only time has to pass.

    Args:
        actor: the loop.
        log: asked for high watermarks.
        waits: knows which need no timer.
        clock: ms since 1970.

    Attributes:
        types: of deadline events, those of older versions too.
    """

    def __init__(self, actor: Actor, log: Log, waits: Waits, clock: Callable[[], int]) -> None:
        self._actor = actor
        self._log = log
        self._waits = waits
        self._clock = LogTime(clock)
        plans = (actor.plan, *actor.plan.older.values())
        self.types = frozenset(name for plan in plans for name in plan.deadlines)
        self._handle: asyncio.TimerHandle | None = None
        self._at = FOREVER
        self._looking: dict[Partition, asyncio.Task[None]] = {}

    def watch(self, part: Partition, state: State) -> None:
        """Have a saga looked at again when something becomes due by time alone."""
        if not self._actor.plan.of(state.version).deadlines and not state.tries:
            return
        now = self._clock()
        when = next_timer(self._actor.plan, state, now)
        if state.tries and self._waits.leaves(part, state.saga_id, when):
            running = [due for _, due in deadlines(self._actor.plan, state) if due > now]
            when = min(running, default=FOREVER)
        if when == FOREVER:
            part.disarm(state.saga_id)
        else:
            part.arm(state.saga_id, when)
            self._schedule(when)
        if not self._actor.coordinates:
            return
        for _, due in deadlines(self._actor.plan, state):
            if part.read_through < due <= now:
                part.overdue[state.saga_id] = None
                if part not in self._looking:
                    self._looking[part] = asyncio.ensure_future(self._look(part))

    def came(self, part: Partition, record: Record) -> None:
        """Note that a deadline event was read: before its time, it says that a clock is ahead."""
        if part.restored and comes_too_early(record):
            self._clock.too_early(record.time)
            for each in self._actor.parts.values():
                each.read_through = min(each.read_through, self._clock())

    def read(self, part: Partition) -> None:
        """Note that records were read: a clock that was ahead may have been set right."""
        self._clock.read(part.table.log_time)

    def _schedule(self, when: int) -> None:
        if when >= self._at:
            return
        if self._handle is not None:
            self._handle.cancel()
        self._at = when
        delay = max(0, when - self._clock()) / 1000
        self._handle = asyncio.get_running_loop().call_later(delay, self._fire)

    def _fire(self) -> None:
        self._at, self._handle = FOREVER, None
        now = self._clock()
        for part in list(self._actor.parts.values()):
            for key in part.fired(now):
                state = part.table.get(key)
                if state is not None and part.restored:
                    self._actor.act(part, state)
            if part.next_timer is not None:
                self._schedule(part.next_timer)

    async def _look(self, part: Partition) -> None:
        """Read to a high watermark of now, then act on the deadlines that are past."""
        try:
            while part.overdue and part.live:
                keys, part.overdue = part.overdue, {}
                taken = self._clock()
                high = await high_of(self._log, part, "deadlines")
                if high is None:
                    break
                await part.until(high)
                part.read_through = min(taken, self._clock())  # that may have been set right
                for key in keys:
                    state = part.table.get(key)
                    if state is not None and part.live:
                        self._actor.act(part, state)
        finally:
            self._looking.pop(part, None)
