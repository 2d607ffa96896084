"""That nobody started a slot in doubt: said only by who still owns it.

An owner that was silent for longer than its session reads on, when it comes back, before it learns
that another one took over, who may have started what the first one never did. So the group is asked
after the failure was read. Who owns the partition after that reads the failure before it acts, and
starts nothing that would have been due without it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from minuet.engines.partition import Run
from minuet.errors import BrokerError

ASK_AGAIN_S = 1.0  # after the group did not say, or that this member is none of it

_LOG = logging.getLogger("minuet.worker")


class Owner(Protocol):
    """What is wanted of the loop."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run beside everything else; a failure stops the worker."""

    async def is_member(self) -> bool:
        """Ask whether the group still has this member."""


class Unstarted:
    """Slots of which this owner knows that it started none.

    Args:
        owner: the loop.
        say: says that nobody started one.
    """

    def __init__(self, owner: Owner, say: Callable[[Run], None]) -> None:
        self._owner = owner
        self._say = say
        self._waiting: list[Run] = []
        self._asking = False

    def add(self, run: Run) -> None:
        """Have it said, unless somebody else owns the slot by now."""
        self._waiting.append(run)
        if not self._asking:
            self._asking = True
            self._owner.spawn(self._ask())

    async def _ask(self) -> None:
        try:
            while self._waiting:
                runs, self._waiting = self._waiting, []
                if await self._is_member():
                    for run in runs:
                        self._say(run)
                else:
                    await asyncio.sleep(ASK_AGAIN_S)
                    self._waiting += [run for run in runs if run.part.live]
        finally:
            self._asking = False

    async def _is_member(self) -> bool:
        try:
            return await self._owner.is_member()
        except BrokerError as failure:
            _LOG.warning("what was never started is said later: %s", failure)
            return False
