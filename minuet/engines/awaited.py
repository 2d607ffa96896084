"""Sagas that wait for a schema which the registry does not tell now; no other saga waits for it.

A wait takes no attempt, says nothing to the log, and has no place in the runner. Of a bounded
number it is known who waits; all others are left to the state, and found again in the table.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Protocol

from minuet.core.state import State
from minuet.engines.partition import Partition

KNOWN_MOST = 10_000  # sagas: about 1 MB
SLICE = 100  # of them asked before others get their turn
FIRST_S = 0.25  # an answer that is on its way is there soon
MOST_S = 5.0

_LOG = logging.getLogger("minuet.worker")


class Actor(Protocol):
    """What is wanted of the loop."""

    parts: dict[int, Partition]

    def act(self, part: Partition, state: State) -> None:
        """Say and run what is due in a saga."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run beside everything else; a failure stops the worker."""


class Awaited:
    """The sagas of one loop that wait so.

    Args:
        actor: the loop.
    """

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self._waiting: dict[tuple[Partition, str], None] = {}
        self._more = False
        self._asking = False
        self._pause_s = FIRST_S
        self._told = ""

    def add(self, part: Partition, key: str, reason: str) -> None:
        """Ask a saga again later what is due."""
        if len(self._waiting) < KNOWN_MOST:
            self._waiting[part, key] = None
        else:
            self._more = True
        if reason != self._told:
            self._told = reason
            _LOG.warning("it waits: %s", reason, extra={"saga": key})
        if not self._asking:
            self._asking = True
            asyncio.get_running_loop().call_later(self._pause_s, self._ask)

    def _ask(self) -> None:
        """Begin to ask all that wait now, in turns of their own: what is asked may end at once."""
        waiting, self._waiting = list(self._waiting), {}
        more, self._more = self._more, False
        self._pause_s = min(2 * self._pause_s, MOST_S)
        self._actor.spawn(self._act(waiting, more))

    async def _act(self, waiting: list[tuple[Partition, str]], more: bool) -> None:
        try:
            for count, (part, key) in enumerate(waiting):
                state = part.table.get(key) if part.live else None
                if state is not None:
                    self._actor.act(part, state)
                if count % SLICE == SLICE - 1:
                    await asyncio.sleep(0)
            if more:
                await self._look()
        finally:
            self._asking = False
        if self._waiting or self._more:
            self._asking = True
            asyncio.get_running_loop().call_later(self._pause_s, self._ask)
        else:
            self._pause_s, self._told = FIRST_S, ""

    async def _look(self) -> None:
        """Ask all live sagas: some of them wait, and nobody knows which."""
        for part in list(self._actor.parts.values()):
            for count, state in enumerate(part.table.live()):
                if not part.live:
                    break
                self._actor.act(part, state)
                if count % SLICE == SLICE - 1:
                    await asyncio.sleep(0)
