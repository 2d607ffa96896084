"""Dead letters: the record as it stands on the log, with all its headers, and why it lies here.

A row keeps of an event what steps may need of it, and none of its headers. So the record is read
once more from the log, beside the work of the loop. Where it cannot be had, the letter holds what
the row has; where it is too large for its topic, what fits; and it says what was left out.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from minuet.core.state import Entry
from minuet.engines.compose import Composer, Trouble, held, shortened
from minuet.engines.log import Append, Log, Unreadable
from minuet.engines.partition import Partition
from minuet.errors import MinuetError
from minuet.event.record import DIGEST

READ_MOST = 500  # records read from the log at once
WAITING_MOST = 10_000  # letters that wait for their records; what comes then does without
ASKED_MOST = 3  # times, if Kafka does not say; an incident should not wait long for headers
AGAIN_S = 1.0

_LOG = logging.getLogger("minuet.worker")


class Owner(Protocol):
    """What letters want of the loop."""

    def append(self, part: Partition, append: Append) -> None:
        """Append for a partition."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run beside everything else; a failure stops the worker."""


@dataclass(slots=True)
class _Wanted:
    part: Partition
    kept: Unreadable  # what the row has
    digest: bytes
    trouble: Trouble
    written: Callable[[Append, int], None] | None
    event: Callable[[], Append | None]


def _no_event() -> Append | None:
    return None


class Letters:
    """Writes the dead letters of one loop.

    Args:
        owner: the loop.
        log: where the records are read.
        composer: makes the letters.
    """

    def __init__(self, owner: Owner, log: Log, composer: Composer) -> None:
        self._owner = owner
        self._log = log
        self._composer = composer
        self._wanted: list[_Wanted] = []
        self._task: asyncio.Task[None] | None = None

    def write(
        self, part: Partition, saga_id: str, entry: Entry, trouble: Trouble, *,
        written: Callable[[Append, int], None] | None = None,
        event: Callable[[], Append | None] = _no_event,
    ) -> None:  # fmt: skip
        """Write a letter of an event that a saga's state keeps, soon.

        Args:
            part: of the saga.
            saga_id: which.
            entry: the event.
            trouble: why.
            written: called once the letter is acked, or can never be.
            event: what to say then, if it still is to be said; an atomic log has both or neither.
        """
        kept, digest = held(saga_id, entry), entry.digest.encode()
        wanted = _Wanted(part, kept, digest, trouble, written, event)
        if len(self._wanted) >= WAITING_MOST:
            self._append(wanted, None)
            return
        self._wanted.append(wanted)
        if self._task is None:
            self._task = self._owner.spawn(self._write())

    def unread(
        self, part: Partition, record: Unreadable, written: Callable[[Append, int], None]
    ) -> None:
        """Write a letter of a record that belongs to no saga, as it is."""
        trouble = Trouble("unreadable", record.reason)
        letter = self._composer.letter(record, part.number, trouble)
        letter.acked = written
        self._owner.append(part, letter)

    def refused(self, part: Partition, letter: Append, reason: str) -> None:
        """Write less of a letter that its topic does not take; the log has the record itself."""
        less = shortened(letter)
        if less is not None:
            self._owner.append(part, less)
            return
        place = {"partition": letter.partition}
        _LOG.error("a dead letter cannot be written, its record stays on the log: %s", reason,
                   extra=place)  # fmt: skip
        if letter.acked is not None:
            letter.acked(letter, -1)
        if letter.then is not None:
            self._owner.append(part, letter.then)

    async def _write(self) -> None:
        try:
            while self._wanted:
                some, self._wanted = self._wanted[:READ_MOST], self._wanted[READ_MOST:]
                by_part: dict[Partition, list[_Wanted]] = {}
                for one in some:
                    by_part.setdefault(one.part, []).append(one)
                for part, ones in by_part.items():
                    records = await self._read(part, [one.kept.offset for one in ones])
                    for one in ones:
                        self._append(one, records.get(one.kept.offset))
        finally:
            self._task = None

    async def _read(self, part: Partition, offsets: list[int]) -> Mapping[int, Unreadable]:
        for _ in range(ASKED_MOST):
            if not part.live:
                break
            try:
                return await self._log.records(part.number, offsets)
            except MinuetError as failure:  # whatever it is, a letter is written
                _LOG.warning("records for dead letters cannot be read: %s", failure)
                await asyncio.sleep(AGAIN_S)
        return {}

    def _append(self, wanted: _Wanted, record: Unreadable | None) -> None:
        """Append a letter of the record, if it is still the event that was meant."""
        kept, number = wanted.kept, wanted.part.number
        same = record is not None and record.key == kept.key
        if record is not None and same and dict(record.headers).get(DIGEST, b"") == wanted.digest:
            letter = self._composer.letter(record, number, wanted.trouble)
        else:
            missing = ("headers",) if kept.value is not None else ("headers", "value")
            letter = self._composer.letter(kept, number, wanted.trouble, missing)
        if self._log.atomic:
            letter.then, letter.acked = wanted.event(), wanted.written
        else:
            letter.acked = partial(self._acked, wanted)
        self._owner.append(wanted.part, letter)

    def _acked(self, wanted: _Wanted, letter: Append, offset: int) -> None:
        if wanted.written is not None:
            wanted.written(letter, offset)
        event = wanted.event()
        if event is not None:
            self._owner.append(wanted.part, event)
