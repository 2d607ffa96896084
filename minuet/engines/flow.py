"""How much is read: no more than can be worked on, and nothing is worked on before rows are there.

A partition is not paused while its rows load, since librdkafka takes up to a second to read one
again; what comes meanwhile is kept, and only when that is much the partition waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from minuet.engines.log import Log, Unreadable
from minuet.engines.partition import Partition
from minuet.event.record import Record


class Flow:
    """Pauses and resumes the partitions of one loop.

    Args:
        log: to be paused.
        parts: that are assigned, as the loop keeps them.
        window: runs that may wait for a place before reading pauses; it goes on at half of it.
    """

    def __init__(self, log: Log, parts: Mapping[int, Partition], window: int) -> None:
        self._log = log
        self._parts = parts
        self._window = window
        self.held_back = False

    def weigh(self, waiting: int) -> None:
        """Hold back or go on, by how many runs wait for a place."""
        if not self.held_back and waiting > self._window:
            self.held_back = True
            self.pause(self._parts.values())
        elif self.held_back and waiting <= self._window // 2:
            self.held_back = False
            self._resume([part for part in self._parts.values() if part.loaded])

    def assigned(self) -> None:
        """Hold back what is new, too."""
        if self.held_back:
            self.pause(self._parts.values())

    def put_off(self, part: Partition, records: Sequence[Record | Unreadable]) -> None:
        """Keep what is read before the rows are there."""
        part.backlog.extend(records)
        if len(part.backlog) > self._window:
            self.pause([part])

    def loaded(self, part: Partition) -> list[Record | Unreadable]:
        """Return what was put off; from now on it is read as the others are."""
        part.loaded = True
        backlog, part.backlog = part.backlog, []
        if not self.held_back:
            self._resume([part])
        return backlog

    def pause(self, parts: Iterable[Partition]) -> None:
        """Read no more of these for now."""
        reading = [part for part in parts if not part.paused]
        for part in reading:
            part.paused = True
        if reading:
            self._log.pause([part.number for part in reading])

    def _resume(self, parts: Iterable[Partition]) -> None:
        """Read on; one that is read already is left alone, since to resume it costs a fetch."""
        waiting = [part for part in parts if part.paused]
        for part in waiting:
            part.paused = False
        if waiting:
            self._log.resume([part.number for part in waiting])
