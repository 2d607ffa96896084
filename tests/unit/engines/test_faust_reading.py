"""What Faust brings while a stretch before it is read; skipped where Faust is not installed.

Reading beside Faust is played: when it fails, and what comes meanwhile, no broker can be told.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, cast

import pytest

pytest.importorskip("faust")

from faust.types.tuples import Message

from minuet.engines.faust import reading
from minuet.engines.log import Position, Sink, Unreadable
from minuet.errors import BrokerError
from minuet.kafka.connection import Connection

Beside = Callable[[int, int], Awaitable[None]]


class Told:
    """A sink that keeps what was read."""

    def __init__(self) -> None:
        self.offsets: list[int] = []
        self.error: Exception | None = None
        self.heard = asyncio.Event()

    def read(self, partition: int, records: Sequence[Any]) -> None:
        self.offsets += [record.offset for record in records]
        self.heard.set()

    def reached(self, partition: int, offset: int) -> None:
        self.heard.set()

    def broken(self, error: Exception) -> None:
        self.error = error
        self.heard.set()

    async def until(self, offsets: Sequence[int]) -> None:
        while len(self.offsets) < len(offsets) and self.error is None:
            self.heard.clear()
            await self.heard.wait()
        assert self.offsets == list(offsets)


def came(reader: reading.Reader, *offsets: int) -> None:
    for offset in offsets:
        reader.came(Message("a.events", 0, offset, 0.0, 0, [], b"k", b"v", None))


def play(
    monkeypatch: pytest.MonkeyPatch,
    beside: Callable[[reading.Reader], Beside],
    story: Callable[[reading.Reader, Told], Awaitable[None]],
) -> None:
    """Run a story with a reader beside which the first read is as told, and others succeed."""

    async def main() -> None:
        reader, told = reading.Reader(Connection("127.0.0.1:1"), "a.events"), Told()
        first = [beside(reader)]

        async def stored(
            _: Connection, place: tuple[str, int], start: int, end: int
        ) -> AsyncIterator[Sequence[Unreadable]]:
            if first:
                await first.pop()(start, end)
            yield [Unreadable(n, 0, b"k", b"v", [], "") for n in range(start, end)]

        monkeypatch.setattr(reading, "stored_records", stored)
        monkeypatch.setattr(reading, "LOOK_S", 0.01)
        async with asyncio.timeout(30):
            reader.start(cast(Sink, told))
            await story(reader, told)
            reader.stop()

    asyncio.run(main())


def fails_after(*offsets: int) -> Callable[[reading.Reader], Beside]:
    """The broker does not answer; meanwhile Faust brings these."""

    def made(reader: reading.Reader) -> Beside:
        async def beside(start: int, end: int) -> None:
            came(reader, *offsets)
            message = "no answer"
            raise BrokerError(message)

        return beside

    return made


def test_what_was_held_when_the_broker_failed_is_not_read_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def story(reader: reading.Reader, told: Told) -> None:
        reader.begin({0: Position(0, 3)})
        came(reader, 0)
        await told.until([0])
        while reader._readings[0].high == 3:  # a look has failed, and offset 3 was dropped
            await asyncio.sleep(0)
        came(reader, 4)
        await told.until([0, 1, 2, 3, 4])

    play(monkeypatch, fails_after(3), story)


def test_the_last_records_of_an_idle_partition_are_looked_for_after_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def story(reader: reading.Reader, told: Told) -> None:
        reader.begin({0: Position(0, 0)})
        came(reader, 1)
        await told.until([0, 1, 2])

    play(monkeypatch, fails_after(2), story)


def test_what_an_agent_dropped_while_a_stretch_was_read_is_not_read_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def restarts(reader: reading.Reader) -> Beside:
        async def beside(start: int, end: int) -> None:
            reader.doubt()
            came(reader, end + 3)  # and not what is before it

        return beside

    async def story(reader: reading.Reader, told: Told) -> None:
        reader.begin({0: Position(0, 0)})
        came(reader, 2)
        await told.until(range(6))

    play(monkeypatch, restarts, story)


def test_a_fault_of_the_reader_ends_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(_: reading.Reader) -> Beside:
        async def beside(start: int, end: int) -> None:
            raise ZeroDivisionError

        return beside

    async def story(reader: reading.Reader, told: Told) -> None:
        reader.begin({0: Position(0, 0)})
        came(reader, 2)
        await told.heard.wait()
        assert isinstance(told.error, ZeroDivisionError)

    play(monkeypatch, faulty, story)
