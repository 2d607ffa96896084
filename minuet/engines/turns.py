"""Long looks through many sagas, in slices: in between, everybody else gets his turn."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Turns:
    """How long one look may keep all others waiting.

    Args:
        every: sagas asked, or rows packed, at once: 200 take about 5 ms.
        pause_s: how long the others have at least. In virtual time nothing takes any time by
            itself: there a pause is what lets something happen meanwhile.
    """

    every: int = 200
    pause_s: float = 0.0

    async def taken(self, count: int) -> None:
        """Let others have their turn, if so many make a slice; counted from 1."""
        if count % self.every == 0:
            await self.over()

    async def over(self) -> None:
        """Let others have their turn."""
        await asyncio.sleep(self.pause_s)


TURNS = Turns()
