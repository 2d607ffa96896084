"""A process that stood still for longer than its session, as by SIGSTOP, and goes on.

Others may own its partitions by now, and it does not know yet: nothing more is started before the
group has been asked. What is in the midst of a handler goes on; what it says comes second.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from minuet.engines.log import Log
from minuet.engines.partition import Run
from minuet.errors import BrokerError

ASK_AGAIN_S = 0.1  # after the group did not say, or that this member is none of it: it joins anew

_LOG = logging.getLogger("minuet.worker")


class Silence:
    """Knows of standing still by the turns of a thread that never waits for long.

    Turns are that thread's; who asks may be another, which wakes up first, perhaps.

    Args:
        most_s: that others wait before they take over.
        clock: a steady one, in s.
    """

    def __init__(self, most_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most_s = most_s
        self._clock = clock
        self._turned = clock()
        self._times = self._known = 0

    def turn(self) -> int:
        """Note a turn; returns how often it has stood still up to now."""
        now = self._clock()
        if now - self._turned > self._most_s:
            self._times += 1
        self._turned = now
        return self._times

    def over(self, times: int) -> None:
        """Note that the group has been asked after it had stood still so often."""
        self._known = times

    @property
    def lasts(self) -> bool:
        """Whether it has stood still, and the group has not been asked since."""
        return self._known != self._times or self._clock() - self._turned > self._most_s


class Owner(Protocol):
    """What is wanted of the loop."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run beside everything else; a failure stops the worker."""


class Held:
    """Runs that are not started before the group has said that it still has this member.

    Args:
        owner: the loop.
        log: knows whether it stood still, and asks the group.
    """

    def __init__(self, owner: Owner, log: Log) -> None:
        self._owner = owner
        self._log = log
        self._runs: list[tuple[Run, Callable[[Run], None]]] = []
        self._asking = False

    def holds(self, run: Run, submit: Callable[[Run], None]) -> bool:
        """Whether it is kept for later; then it is submitted, unless it is lost."""
        if not self._log.was_silent():
            return False
        self._runs.append((run, submit))
        if not self._asking:
            self._asking = True
            self._owner.spawn(self._ask())
        return True

    async def _ask(self) -> None:
        _LOG.warning("this process stood still for longer than its session: the group is asked")
        try:
            while self._runs:
                there = await self._is_member()
                if not there:
                    await asyncio.sleep(ASK_AGAIN_S)
                held, self._runs = self._runs, []
                for run, submit in held:  # what is lost is dropped there, and accounted for
                    if there or not run.part.live:
                        submit(run)
                    else:
                        self._runs.append((run, submit))
        finally:
            self._asking = False

    async def _is_member(self) -> bool:
        try:
            return await self._log.is_member()
        except BrokerError as failure:
            _LOG.warning("the group does not say whether this is a member: %s", failure)
            return False
