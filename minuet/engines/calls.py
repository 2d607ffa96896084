"""Delay topics as wake-up calls: who need not be remembered while he waits (rule 6).

The wait itself is an event on the log, and a timer of the state. While a partition has few such
timers they are all in memory, and no call is written. Beyond a bound, a long wait is left to a
record on a delay topic. The record is a call and no truth: the saga is asked what is due, and a
stale or doubled one finds nothing. A lost one is made good by a look through the table.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from minuet.core.plan import Plan
from minuet.core.state import State
from minuet.engines.log import Append, Log
from minuet.engines.partition import Partition, Run
from minuet.engines.turns import TURNS, Turns
from minuet.event.record import NOT_BEFORE, SLOT, STEP, Headers
from minuet.settings.names import DELAYS
from minuet.settings.worker import Options
from minuet.spec.model import Spec

LOOK_S = 60.0  # between two looks for sagas whose call was lost
SHORTEST_MS = min(DELAYS.values())


class Actor(Protocol):
    """What calls want of the loop."""

    plan: Plan
    parts: dict[int, Partition]

    def act(self, part: Partition, state: State) -> None:
        """Say and run what is due in a saga."""

    def append(self, part: Partition, append: Append) -> None:
        """Append for a partition."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run beside everything else; a failure stops the worker."""


class Calls:
    """Writes calls where they are wanted, and answers them.

    Args:
        actor: the loop.
        log: where calls come from.
        options: how many timers are kept in memory.
        clock: ms since 1970.
        turns: for how long others wait.
    """

    def __init__(
        self, actor: Actor, log: Log, options: Options, clock: Callable[[], int],
        turns: Turns = TURNS,
    ) -> None:  # fmt: skip
        self._actor = actor
        self._log = log
        self._most = options.timers
        self._clock = clock
        self._turns = turns
        self._spec: Spec = actor.plan.spec
        self._looking: dict[Partition, asyncio.TimerHandle] = {}

    def follow(self, part: Partition) -> None:
        """Listen for the calls of a partition."""
        self._log.follow(part.number, self._spec.retry_topics)

    def unfollow(self, part: Partition) -> None:
        """Listen no more."""
        self._log.unfollow(part.number)
        look = self._looking.pop(part, None)
        if look is not None:
            look.cancel()

    def put_off(self, append: Append, _offset: int) -> None:
        """Write a call for a wait that stands on the log now, where its timer is too much."""
        run: Run = append.note
        not_before = int(dict(append.headers)[NOT_BEFORE])
        headers = [(SLOT, run.slot.id.encode()), (STEP, run.slot.step.name.encode())]
        self._call(run.part, run.key, not_before, headers)

    def leaves(self, part: Partition, key: str, until: int) -> bool:
        """Whether a saga that waits for so long is left to its call."""
        if not self._is_wanted(part, key, until):
            return False
        self._look_later(part)
        return True

    def _is_wanted(self, part: Partition, key: str, until: int) -> bool:
        is_long = until - self._clock() >= SHORTEST_MS
        return is_long and part.armed >= self._most and not part.is_armed(key, until)

    def called(self, partition: int, key: str) -> None:
        """Ask a saga what is due: perhaps nothing any more, or not yet."""
        part = self._actor.parts.get(partition)
        state = part.table.get(key) if part is not None and part.restored else None
        if part is None or state is None:
            return
        self._actor.act(part, state)
        now = self._clock()
        waits = [t.not_before for t in state.tries.values() if not t.parked and t.not_before > now]
        if waits:
            self._call(part, key, min(waits), [])

    def _call(self, part: Partition, key: str, not_before: int, headers: Headers) -> None:
        if not self._is_wanted(part, key, not_before):
            return
        wait_ms = not_before - self._clock()
        topics = self._spec.retry_topics
        topic = max((t for t, ms in topics.items() if ms <= wait_ms), key=lambda t: topics[t])
        headers = [*headers, (NOT_BEFORE, str(not_before).encode())]
        self._actor.append(part, Append(topic, part.number, key.encode(), b"", headers))

    # -- what was lost ---------------------------------------------------------------------------

    def _look_later(self, part: Partition) -> None:
        if part not in self._looking and part.live:
            loop = asyncio.get_running_loop()
            self._looking[part] = loop.call_later(LOOK_S, self._look, part)

    def _look(self, part: Partition) -> None:
        del self._looking[part]
        self._actor.spawn(self._looked(part))

    async def _looked(self, part: Partition) -> None:
        """Ask every saga that waits: what is overdue was not called."""
        for count, state in enumerate(part.table.live(), 1):
            if not part.live:
                return
            if state.tries:
                self._actor.act(part, state)
            await self._turns.taken(count)
