"""An asyncio loop whose clock jumps: where others wait, it goes on to the next moment at once.

Hours pass in milliseconds, and the same program takes the same steps in the same order each time.
There is no outside in it: no socket and no thread can wake what waits.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Coroutine
from heapq import heappop, heappush
from typing import Any, Protocol, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

START_MS = 1_767_225_600_000  # the first moment of 2026: a round time that people read easily


class NothingToDo(RuntimeError):
    """Something is awaited that nobody will ever do."""


class Endless(RuntimeError):
    """There is always something left to do, though it should have ended long ago."""


class _Handle(Protocol):
    """What the loop wants of what it runs, asyncio's own or not.

    Attributes:
        _cancelled: nobody wants it any more.
    """

    _cancelled: bool

    def _run(self) -> None:
        """Do it."""


class _Moment:
    """Something to be called, which nobody cancels: a third of what asyncio's own handle costs."""

    __slots__ = ("_arguments", "_callback")
    _cancelled = False

    def __init__(self, callback: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        self._callback, self._arguments = callback, arguments

    def _run(self) -> None:
        self._callback(*self._arguments)


class VirtualTime(asyncio.SelectorEventLoop):
    """The loop; its time begins at 0 s.

    It has its own queue of timers and never asks a selector: of asyncio's loop it replaces the one
    round (`_run_once`) that waits. What is for the same moment comes in the order of asking.
    """

    def __init__(self, most_s: float = math.inf) -> None:
        self._now = 0.0
        self._most_s = most_s
        self._timers: list[tuple[float, int, _Handle]] = []
        self._asked = 0
        self._quiet: list[asyncio.Future[None]] = []
        super().__init__()

    def time(self) -> float:
        """Return the seconds that have passed in here."""
        return self._now

    def now_ms(self) -> int:
        """Return ms since 1970, as a clock in here shows them."""
        return START_MS + int(self._now * 1_000 + 0.000_5)  # floats stand a little to either side

    def quiet(self) -> asyncio.Future[None]:
        """Return what is done once nothing else is left to do, no timer either."""
        waiting: asyncio.Future[None] = self.create_future()
        self._quiet.append(waiting)
        return waiting

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Any = None
    ) -> asyncio.TimerHandle:
        """Have something called at a time in here."""
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        self._asked += 1
        heappush(self._timers, (when, self._asked, timer))
        return timer

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Any = None
    ) -> asyncio.Handle:
        """Have something called in the next round."""
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)  # type: ignore[attr-defined]
        return handle

    def at(self, when: float, callback: Callable[[*Ts], object], *args: *Ts) -> None:
        """Have something called at a time in here, for good; what it raises ends the run."""
        self._asked += 1
        heappush(self._timers, (when, self._asked, _Moment(callback, args)))

    def _run_once(self) -> None:
        """Do what is to be done until somebody stops the loop: asyncio wants one round of many."""
        ready: deque[_Handle] = self._ready  # type: ignore[attr-defined]
        timers = self._timers
        while True:
            if not ready:
                self._pass_the_time()
            while timers and timers[0][0] <= self._now:
                ready.append(heappop(timers)[2])
            for _ in range(len(ready)):
                handle = ready.popleft()
                if not handle._cancelled:
                    handle._run()
            if self._stopping:  # type: ignore[attr-defined]
                return

    def _pass_the_time(self) -> None:
        """Go on to the next moment at which something is to be done."""
        timers = self._timers
        while timers and timers[0][2]._cancelled:
            heappop(timers)
        if timers:
            self._now = max(self._now, timers[0][0])
            if self._now > self._most_s:
                self._most_s = math.inf  # what is cancelled now may end
                message = "virtual time: it goes on and on, long after it should have ended"
                raise Endless(message)
        elif self._quiet:
            waiting, self._quiet = self._quiet, []
            for one in waiting:
                if not one.done():
                    one.set_result(None)
        else:
            message = (
                "virtual time: nothing is left to do, and something still waits; is it for a "
                "thread, a socket, or an event that nobody sets?"
            )
            raise NothingToDo(message)


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
