"""What Faust brings of the log, in the order of each partition and with nothing left out.

Faust begins where the group stood, passes over what a transaction left behind, and says nothing of
the end of a partition. So the first record of an assignment has to be the one that is awaited, and
where nothing comes of a stretch that the log has, it is read beside Faust.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from faust.types.tuples import Message

from minuet.engines.log import Position, Sink, Unreadable
from minuet.engines.native_reading import stored_records
from minuet.errors import BrokerError
from minuet.event.record import Record, UnreadableHeaders, parse
from minuet.kafka.connection import Connection

LOOK_S = 0.5  # between two looks for what Faust did not bring; at the second it is read beside it


@dataclass(slots=True, eq=False)
class _Reading:
    """How far one partition was read.

    Args:
        next: the offset that is awaited.
        high: a high watermark that somebody waits for.
        whole: whether nothing is missing before what comes, or between what is held.
        fresh: what came and was not handed over yet.
        held: what came while the stretch before it is read; None when none is.
        seen: the offset that was awaited at the last look.
    """

    next: int
    high: int
    whole: bool = False
    paused: bool = False
    fresh: list[Record | Unreadable] = field(default_factory=list)
    held: list[Record | Unreadable] | None = None
    seen: int = -1

    def hold(self, *came: Record | Unreadable) -> None:
        """Keep what comes from now on, and this, while the stretch before it is read."""
        self.held, self.whole = list(came), True

    def drop(self) -> None:
        """Hold nothing any more; it has to be read again, and somebody waits for it."""
        held, self.held, self.whole = self.held, None, False
        if held:
            self.high = max(self.high, held[-1].offset + 1)


class Reader:
    """Hands over what is read, and looks for what is not.

    Args:
        connection: where Kafka is.
        topic: the log.
    """

    def __init__(self, connection: Connection, topic: str) -> None:
        self._connection = connection
        self._topic = topic
        self._readings: dict[int, _Reading] = {}
        self._due = False
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, sink: Sink) -> None:
        """Tell this sink, on the loop of now."""
        self._sink = sink
        self._loop = asyncio.get_running_loop()
        self._spawn(self._look_forever())

    def stop(self) -> None:
        """Hand over no more."""
        self._readings.clear()
        for task in self._tasks:
            task.cancel()

    def begin(self, positions: Mapping[int, Position]) -> None:
        """Expect the records of these partitions."""
        for number, at in positions.items():
            self._readings[number] = _Reading(at.start, at.high)

    def end(self, partitions: Iterable[int]) -> None:
        """Drop what else comes of these; what came before is handed over."""
        self._hand_over()
        for number in partitions:
            self._readings.pop(number, None)

    def pause(self, partitions: Iterable[int]) -> None:
        """Expect nothing of these for now."""
        for number in partitions:
            if number in self._readings:
                self._readings[number].paused = True

    def resume(self, partitions: Iterable[int]) -> dict[int, int]:
        """Expect these again; returns the offset that is awaited of each."""
        awaited = {}
        for number in partitions:
            reading = self._readings.get(number)
            if reading is not None and reading.paused:
                reading.paused = reading.whole = False
                awaited[number] = reading.next
        return awaited

    def is_paused(self, partition: int) -> bool:
        """Whether nothing is expected of it."""
        reading = self._readings.get(partition)
        return reading is None or reading.paused

    def doubt(self) -> None:
        """Note that something may be missing before what comes next."""
        for reading in self._readings.values():
            reading.whole = False

    def expect(self, partition: int, high: int) -> None:
        """Note that somebody waits for everything below this offset."""
        reading = self._readings.get(partition)
        if reading is not None:
            reading.high = max(reading.high, high)

    def came(self, message: Message) -> None:
        """Take a record that Faust brought."""
        number: int = message.partition
        reading = self._readings.get(number)
        if reading is None or message.offset < reading.next:
            return
        if reading.held is not None:
            reading.held.append(_record(message))
        elif reading.whole or message.offset == reading.next:
            reading.whole = True
            self._take(reading, _record(message))
        else:
            reading.hold(_record(message))
            self._spawn(self._fill(number, reading, message.offset))

    def _take(self, reading: _Reading, record: Record | Unreadable) -> None:
        reading.next = record.offset + 1
        reading.fresh.append(record)
        if not self._due:
            self._due = True
            self._loop.call_soon(self._hand_over)

    def _hand_over(self) -> None:
        self._due = False
        try:
            for number, reading in list(self._readings.items()):
                if reading.fresh:
                    fresh, reading.fresh = reading.fresh, []
                    self._sink.read(number, fresh)
        except Exception as error:  # Faust would log it and go on with the next record
            self._sink.broken(error)

    async def _fill(self, number: int, reading: _Reading, end: int) -> None:
        """Read up to `end` beside Faust, then go on with what it brought meanwhile."""
        if reading.held is None:
            reading.hold()
        place = (self._topic, number)
        try:
            async for chunk in stored_records(self._connection, place, reading.next, end):
                for record in chunk:
                    self._take(reading, record)
        except BrokerError:
            reading.drop()
            return
        if reading.whole:
            held, reading.held = reading.held or [], None
            for record in held:
                if record.offset >= reading.next:
                    self._take(reading, record)
        else:  # Faust has dropped some meanwhile
            reading.drop()
        self._hand_over()
        if self._readings.get(number) is reading and reading.next < end:
            reading.next = end  # nothing stands there but what a transaction left
            self._sink.reached(number, end)

    async def _look_forever(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            for number, reading in list(self._readings.items()):
                if reading.next >= reading.high or reading.paused or reading.held is not None:
                    continue
                if reading.next == reading.seen:
                    await self._fill(number, reading, reading.high)
                reading.seen = reading.next

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            self._sink.broken(error)


def _record(message: Message) -> Record | Unreadable:
    headers: Any = message.headers
    offset, time = message.offset, round(message.timestamp * 1000)
    try:
        return parse(message.key, message.value, headers, offset, time)
    except UnreadableHeaders as bad:
        as_read = list(headers or [])
        return Unreadable(offset, time, message.key or b"", message.value, as_read, str(bad))
