"""Sealed events to the log: each under its id once, and said to be there only when it is.

All runs in the event loop's thread. What is under way is bounded; an id that is under way is waited
for, not sent again; of an id that went through, the content is remembered for a while.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from enum import Enum
from functools import partial
from time import monotonic
from typing import NamedTuple

from minuet.ingest.limits import Limits
from minuet.kafka.writer import Place, WriteError, Writer
from minuet.publish.envelope import Sealed

_SERVE_S = 0.002  # between two looks at the acknowledgements
_TROUBLE_S = 5.0  # not for ever: who is not ready gets no event that could go well
_CLOSE_S = 35.0  # longer than an event's own timeout


class Verdict(Enum):
    """What became of an event."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    TOO_LARGE = "too large"
    FAILED = "failed"


class Busy(Exception):
    """Too much waits for the broker; nothing of this request was sent, or it may be sent again."""


class _UnderWay(NamedTuple):
    digest: bytes
    done: asyncio.Future[WriteError | None]


class Sink:
    """Takes events; `start` and `close` it in the event loop.

    Args:
        writer: appends to the log.
        limits: how much may be under way, and how much is remembered.
    """

    def __init__(self, writer: Writer, limits: Limits) -> None:
        self._trouble, self._since = "", 0.0  # why an event was not acknowledged, and when
        self._writer, self._limits = writer, limits
        self._under_way: dict[str, _UnderWay] = {}
        self._contents: dict[str, bytes] = {}
        self._some = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to take acknowledgements."""
        self._pump = asyncio.get_running_loop().create_task(self._serve())

    async def close(self) -> None:
        """Wait for what is under way, and end."""
        until = monotonic() + _CLOSE_S
        while self._under_way and monotonic() < until:
            await asyncio.sleep(_SERVE_S)
        if self._pump is not None:
            self._pump.cancel()

    @property
    def trouble(self) -> str:
        """Why the last event was not acknowledged, for a few seconds: then it may be tried."""
        return self._trouble if monotonic() - self._since < _TROUBLE_S else ""

    @property
    def under_way(self) -> int:
        """Events that are not acknowledged yet."""
        return len(self._under_way)

    def fits(self, count: int) -> bool:
        """Whether so many events could ever be taken at once."""
        return count <= self._limits.under_way

    async def take(self, events: Sequence[Sealed]) -> list[Verdict]:
        """Send what is new, wait until all is acknowledged, and say what became of each.

        If one is in conflict, nothing is sent.

        Raises:
            Busy: too much is under way.
        """
        new: dict[str, Sealed] = {}
        verdicts = [self._judge(event, new) for event in events]
        if Verdict.CONFLICT in verdicts:
            return verdicts
        if len(self._under_way) + len(new) > self._limits.under_way:
            raise Busy
        waits = {
            event.id: found.done for event in events if (found := self._under_way.get(event.id))
        }
        for event in new.values():
            waits[event.id] = self._send(event)
        for index, event in enumerate(events):
            error = await waits[event.id] if event.id in waits else None
            if error is not None:
                verdicts[index] = Verdict.TOO_LARGE if error.alone else Verdict.FAILED
        return verdicts

    def _judge(self, event: Sealed, new: dict[str, Sealed]) -> Verdict:
        if event.id in new:
            known: bytes | None = new[event.id].digest
        elif event.id in self._under_way:
            known = self._under_way[event.id].digest
        else:
            known = self._contents.get(event.id)
        if known is None:
            new[event.id] = event
            return Verdict.ACCEPTED
        return Verdict.DUPLICATE if known == event.digest else Verdict.CONFLICT

    def _send(self, event: Sealed) -> asyncio.Future[WriteError | None]:
        done: asyncio.Future[WriteError | None] = asyncio.get_running_loop().create_future()
        self._under_way[event.id] = _UnderWay(event.digest, done)
        try:
            self._writer.append(
                event.key, event.value, event.headers, partial(self._done, event.id)
            )
        except BufferError:
            del self._under_way[event.id]
            raise Busy from None
        self._some.set()
        return done

    def _done(self, id: str, result: Place | WriteError) -> None:
        found = self._under_way.pop(id)
        if isinstance(result, WriteError):
            if not result.alone:
                self._trouble, self._since = result.reason, monotonic()
            found.done.set_result(result)
            return
        self._trouble = ""
        self._contents[id] = found.digest
        if len(self._contents) > self._limits.remembered:
            del self._contents[next(iter(self._contents))]
        found.done.set_result(None)

    async def _serve(self) -> None:
        while True:
            if not self._under_way:
                self._some.clear()
                await self._some.wait()
            self._writer.serve(0)
            await asyncio.sleep(_SERVE_S)
