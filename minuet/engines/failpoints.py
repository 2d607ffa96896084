"""Named places where a worker dies by its own SIGKILL: for runs under faults, and nowhere else.

A place is armed by a file of its name in a folder; the first process that comes there takes the
file and dies. All of it stands around the log and the guard: neither loop nor log knows of it, and
a worker that is given no folder has none of it.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, cast

from minuet.engines.log import Append, Log, Sink
from minuet.engines.partition import Run
from minuet.engines.quarantine import Guard

COMMITTED_S = 0.05  # after which a commit that nobody waits for was made

# Each place, and what has happened when a worker dies there.
PLACES = {
    "before-append": "an event was to be handed over to be appended",
    "after-append": "an event was handed over, and is perhaps on its way",
    "before-ack": "an event is on the log, and the loop does not know it yet",
    "after-ack": "an event is on the log, the loop knows it and has gone on",
    "after-effect": "a handler with resources has returned, and its answer was not said",
    "mid-rows": "one row of a checkpoint is stored, others perhaps not",
    "before-commit": "all rows of a checkpoint are stored, its position is not",
    "after-commit": "a position was committed",
    "in-restore": "some rows of a partition were read",
    "in-revoked": "partitions are taken away, and were not checkpointed",
    "after-revoked": "partitions are taken away, and were checkpointed",
    "at-stop": "a clean stop has stored everything, and has not left the group",
}


class Failpoints:
    """The places that are armed in a folder.

    Args:
        folder: where a file with a place's name arms it.
        die: what is done there; SIGKILL of this process.
    """

    def __init__(self, folder: Path, die: Callable[[], object] | None = None) -> None:
        self._folder = str(folder)
        self._die = die or _killed

    def at(self, place: str) -> None:
        """Die here, if it is armed; of several processes one does."""
        try:
            os.rename(f"{self._folder}/{place}", f"{self._folder}/{place}.{os.getpid()}")
        except FileNotFoundError:
            return
        self._die()


def _killed() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


class FailingLog:
    """Stands in front of a log and dies where it is told to.

    Args:
        log: that does the work.
        topic: the workflow's log; `table`: the topic of its rows.
        points: that may be armed.
    """

    def __init__(self, log: Log, topic: str, table: str, points: Failpoints) -> None:
        self._log, self._topic, self._table = log, topic, table
        self._at = points.at

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    async def open(self, sink: Sink) -> None:
        """Connect and join the group."""
        await self._log.open(cast(Sink, _FailingSink(sink, self._at)))

    def append(self, append: Append) -> None:
        """Write a record."""
        if append.topic == self._topic:
            self._at("before-append")
            append.acked = _Acked(append.acked, self._at, "before-ack", "after-ack").called
            self._log.append(append)
            self._at("after-append")
            return
        if append.topic == self._table:
            append.acked = _Acked(append.acked, self._at, "mid-rows").called
        self._log.append(append)

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Commit positions."""
        self._at("before-commit")
        self._log.commit(offsets)
        asyncio.get_running_loop().call_later(COMMITTED_S, self._at, "after-commit")

    async def rows(
        self, partition: int, start: int = 0, end: int | None = None
    ) -> AsyncIterator[Sequence[tuple[bytes, bytes | None, int]]]:
        """Read stored rows; to the end of now is a restore, from where a store ends perhaps."""
        async for chunk in self._log.rows(partition, start, end):
            if chunk and end is None:
                self._at("in-restore")
            yield chunk

    async def close(self) -> None:
        """Flush, leave the group, and end every thread."""
        self._at("at-stop")
        await self._log.close()


class _Acked:
    """What is called at an ack: dies before or after what the loop does at it."""

    def __init__(
        self, acked: Callable[[Append, int], None] | None, at: Callable[[str], None],
        before: str, after: str = "",
    ) -> None:  # fmt: skip
        once_more = getattr(acked, "__self__", None)  # an append that is repeated
        self._acked = acked
        if isinstance(once_more, _Acked):
            self._acked = once_more._acked
        self._at, self._before, self._after = at, before, after

    def called(self, append: Append, offset: int) -> None:
        self._at(self._before)
        if self._acked is not None:
            self._acked(append, offset)
        if self._after:
            self._at(self._after)


class _FailingSink:
    """Hears before the loop does that partitions are taken away."""

    def __init__(self, sink: Sink, at: Callable[[str], None]) -> None:
        self._sink, self._at = sink, at

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sink, name)

    async def revoked(self, partitions: Iterable[int]) -> None:
        self._at("in-revoked")
        await self._sink.revoked(partitions)
        self._at("after-revoked")


class FailingGuard:
    """Stands in front of a guard and dies when a handler with resources has returned.

    Args:
        guard: of the worker.
        points: that may be armed.
    """

    def __init__(self, guard: Guard, points: Failpoints) -> None:
        self._guard = guard
        self._at = points.at

    def __getattr__(self, name: str) -> Any:
        return getattr(self._guard, name)

    def thread(self, run: Run, function: Callable[[], Any]) -> Any:
        """Run a handler in this thread."""
        result = self._guard.thread(run, function)
        self._at("after-effect")
        return result

    def watch(
        self, run: Run, begin: Callable[[], Coroutine[Any, Any, Any]]
    ) -> Coroutine[Any, Any, Any]:
        """Return a handler's coroutine."""
        return self._guard.watch(run, partial(self._watched, begin))

    async def _watched(self, begin: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        result = await begin()
        self._at("after-effect")
        return result
