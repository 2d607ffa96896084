"""An asyncio loop whose clock jumps: where others wait, it goes on to the next moment at once.

Hours pass in milliseconds, and the same program takes the same steps in the same order each time.
There is no outside in it: no socket and no thread can wake what waits.
"""

from __future__ import annotations

import asyncio
import math
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

START_MS = 1_767_225_600_000  # the first moment of 2026: a round time that people read easily


class NothingToDo(RuntimeError):
    """Something is awaited that nobody will ever do."""


class Endless(RuntimeError):
    """There is always something left to do, though it should have ended long ago."""


class _Jumps(selectors.SelectSelector):
    """A selector that never waits: it passes the time instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.most_s = math.inf
        self.quiet: list[asyncio.Future[None]] = []

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None:
            self.now += max(0.0, timeout)
            if self.now > self.most_s:
                self.most_s = math.inf  # what is cancelled now may end
                message = "virtual time: it goes on and on, long after it should have ended"
                raise Endless(message)
            return []
        if not self.quiet:
            message = (
                "virtual time: nothing is left to do, and something still waits; is it for a "
                "thread, a socket, or an event that nobody sets?"
            )
            raise NothingToDo(message)
        waiting, self.quiet = self.quiet, []
        for one in waiting:
            if not one.done():
                one.set_result(None)
        return []


class VirtualTime(asyncio.SelectorEventLoop):
    """The loop; its time begins at 0 s."""

    def __init__(self, most_s: float = math.inf) -> None:
        self._jumps = _Jumps()
        self._jumps.most_s = most_s
        super().__init__(self._jumps)

    def time(self) -> float:
        """Return the seconds that have passed in here."""
        return self._jumps.now

    def now_ms(self) -> int:
        """Return ms since 1970, as a clock in here shows them."""
        return START_MS + round(self._jumps.now * 1_000_000) // 1_000

    def quiet(self) -> asyncio.Future[None]:
        """Return what is done once nothing else is left to do, no timer either."""
        waiting: asyncio.Future[None] = self.create_future()
        self._jumps.quiet.append(waiting)
        return waiting


def run(main: Coroutine[Any, Any, T], most_s: float = math.inf) -> T:
    """Run a coroutine in virtual time.

    Raises:
        NothingToDo: it waits for what nobody will do.
        Endless: it has not ended after `most_s` seconds of that time.
    """
    with asyncio.Runner(loop_factory=lambda: VirtualTime(most_s)) as runner:
        return runner.run(main)


def running() -> VirtualTime:
    """Return the loop that runs, which has to be of this kind."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, VirtualTime):
        message = "this runs in virtual time only: start it with minuet.engines.virtual_time.run"
        raise TypeError(message)
    return loop
