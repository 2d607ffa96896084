"""How many sagas live and how many incidents are open: counted in the background, in small pieces.

A saga at rest is its packed row, so that counting takes a while; it never takes more than a
fiftieth of the loop's time.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter

from minuet.core.state import State
from minuet.engines.loop import Loop

EVERY_S = 5.0
SHARE = 50  # of the loop's time, one of so many parts at most
PIECE_S = 0.002


class Census:
    """Counts the sagas of a loop's partitions, again and again.

    Attributes:
        sagas: live ones, by status; incidents: open ones, by kind.
        at: when they were counted, of the steady clock; 0 before the first time.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self.sagas: Counter[str] = Counter()
        self.incidents: Counter[str] = Counter()
        self.at = 0.0

    async def forever(self) -> None:
        """Count until cancelled."""
        while True:
            spent = await self._count()
            await asyncio.sleep(max(EVERY_S, spent * SHARE))

    async def _count(self) -> float:
        sagas: Counter[str] = Counter()
        incidents: Counter[str] = Counter()
        spent, began = 0.0, time.monotonic()
        for part in list(self._loop.parts.values()):
            if not part.restored:
                continue
            for state in part.table.live():
                _add(state, sagas, incidents)
                taken = time.monotonic() - began
                if taken > PIECE_S:
                    spent += taken
                    await asyncio.sleep(taken * SHARE)
                    began = time.monotonic()
                if not part.live:
                    break
        self.sagas, self.incidents, self.at = sagas, incidents, time.monotonic()
        return spent + time.monotonic() - began


def _add(state: State, sagas: Counter[str], incidents: Counter[str]) -> None:
    if not (state.status.ended and not state.seen):
        sagas[state.status.value] += 1
    for incident in state.incidents.values():
        incidents[incident.kind] += 1
