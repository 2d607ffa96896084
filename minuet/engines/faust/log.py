"""The log as a Faust app sees it: a third log behind the seam.

An agent of the app reads, and the app's group says who has which partition. Faust's own
acknowledgement is off: what is committed, and when, the loop says. Written is as by every worker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import faust
from confluent_kafka import KafkaException
from faust.types import TP

from minuet.engines.faust.group import Group
from minuet.engines.faust.reading import Reader
from minuet.engines.log import Append, Sink
from minuet.engines.native_calls import CallReader
from minuet.engines.native_member import REVOKE_S
from minuet.engines.native_writing import Writer
from minuet.engines.reads_beside import ReadsBeside
from minuet.kafka.connection import Connection

FLUSH_S = 10.0  # for what has been handed over when the log is closed
LOOK_S = 0.005


class FaustLog(ReadsBeside):
    """What an app reads and writes of a workflow; rows are read beside Faust, whose own recovery
    knows no offsets of theirs.

    Args:
        app: not started yet.
        connection: where Kafka is, for what is written, and asked beside Faust.
        topic: the log; `table`: the topic of rows.
        reads_from: the coordinator's group, whose commits say where reading begins.
        runs: whether to start and stop the app; else somebody else does.
    """

    atomic = False
    _writer: Writer  # made when it is opened: it connects

    def __init__(
        self, app: faust.App, connection: Connection, topic: str, table: str, *,
        reads_from: str, runs: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(connection, topic, table)
        self._app = app
        self._runs = runs
        self._sink: Sink | None = None
        self._group = Group(app, connection, topic, reads_from)
        self._reader = Reader(connection, topic)
        self._calls = CallReader(connection)
        self._tasks: set[asyncio.Task[None]] = set()
        self._declare()

    def _declare(self) -> None:
        """Have the app read the log, and tell of its group."""
        channel = self._app.topic(
            self._topic, key_type=bytes, value_type=bytes, key_serializer="raw",
            value_serializer="raw", acks=False, allow_empty=True,
        )  # fmt: skip
        self._app.agent(channel, name=f"minuet.{self._topic}")(self._read)
        self._app.on_partitions_revoked.connect(self._revoked)
        self._app.on_partitions_assigned.connect(self._assigned)

    async def open(self, sink: Sink) -> None:
        """Be ready for what the app brings, and start it."""
        self._sink = sink
        self._writer = Writer(self._connection, self._topic, self._table)
        for part in (self._writer, self._calls, self._group, self._reader):
            part.start(sink)
        if self._runs:
            self._running = asyncio.create_task(self._run(sink))

    async def _run(self, sink: Sink) -> None:
        """Start the app, and tell when it ends by itself."""
        app = self._app
        try:
            await app.start()
            await app.wait_until_stopped()
        except Exception as error:
            sink.broken(error)
            return
        reason = app.crash_reason
        if reason is not None:
            sink.broken(reason if isinstance(reason, Exception) else RuntimeError(repr(reason)))

    async def _read(self, stream: Any) -> None:
        """Of the log; an agent. Faust starts it again when somebody else's channel of the same
        topic fails, and has dropped what it had read by then.
        """
        stream.enable_acks = False
        self._reader.doubt()
        came = self._reader.came
        async for event in stream.events():
            came(event.message)

    # -- the group ---------------------------------------------------------------------------------

    async def _assigned(self, app: Any, /, *assigned: Any, signal: Any, **_: Any) -> None:
        numbers = self._ours(assigned[0])
        if app is not self._app or self._sink is None:
            return
        try:
            positions = await self._group.begin(numbers)
        except KafkaException as failure:
            self._sink.broken(self._connection.error(failure))
            return
        self._reader.begin(positions)
        self._sink.assigned(positions)

    async def _revoked(self, app: Any, /, *revoked: Any, signal: Any, **_: Any) -> None:
        numbers = self._ours(revoked[0])
        if app is not self._app or self._sink is None or not numbers:
            return
        self._reader.end(numbers)
        if self._group.is_out:
            self._sink.lost(numbers)
            return
        try:
            async with asyncio.timeout(REVOKE_S):
                await self._sink.revoked(numbers)
                await self._group.committed()
        except TimeoutError:
            self._sink.lost(numbers)

    def _ours(self, places: Iterable[TP]) -> list[int]:
        return sorted(place.partition for place in places if place.topic == self._topic)

    # -- what the loop wants -----------------------------------------------------------------------

    def append(self, append: Append) -> None:
        """Hand a record to the writer."""
        self._writer.append(append)

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Commit positions; the answer is not waited for."""
        self._group.commit(offsets)

    def pause(self, partitions: Iterable[int]) -> None:
        """Fetch no more of these for now."""
        numbers = list(partitions)
        self._reader.pause(numbers)
        self._app.consumer.pause_partitions(self._places(numbers))

    def resume(self, partitions: Iterable[int]) -> None:
        """Fetch these (again)."""
        awaited = self._reader.resume(partitions)
        if awaited:
            task = asyncio.get_running_loop().create_task(self._resume(awaited))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _resume(self, awaited: Mapping[int, int]) -> None:
        """Go on where the loop is: Faust drops what it had fetched of a partition that is paused,
        and would go on behind it.
        """
        await self._group.seek(awaited)
        still = [number for number in awaited if not self._reader.is_paused(number)]
        self._app.consumer.resume_partitions(self._places(still))

    def _places(self, numbers: Iterable[int]) -> set[TP]:
        there = self._app.consumer.assignment()
        return {TP(self._topic, number) for number in numbers} & there

    def follow(self, partition: int, delays: Mapping[str, int]) -> None:
        """Follow delay topics, beside Faust: it has no way to wait for one record of a topic."""
        self._calls.follow(partition, delays)

    def unfollow(self, partition: int) -> None:
        """Follow them no more."""
        self._calls.unfollow(partition)

    async def high_watermark(self, partition: int) -> int:
        """Ask the broker for the log's high watermark.

        Raises:
            BrokerError: it does not say.
        """
        high = await self._group.high_watermark(partition)
        self._reader.expect(partition, high)
        return high

    async def is_member(self) -> bool:
        """Ask the group's coordinator whether it still has this member.

        Raises:
            BrokerError: it does not say.
        """
        return await self._group.is_member()

    def was_silent(self) -> bool:
        """Whether this process stood still for too long, and the group was not asked since."""
        return self._group.silence.lasts

    async def close(self) -> None:
        """Flush; where this log runs the app, leave the group with it."""
        if self._sink is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_S):
                while not self._writer.idle:
                    await asyncio.sleep(LOOK_S)
                await self._group.committed()
        await self.end()
        if self._runs:
            await self._app.stop()
            await asyncio.wait([self._running])

    async def end(self) -> None:
        """End the threads and tasks, with nothing flushed; once it is closed there are none."""
        if self._sink is None:
            return
        self._sink = None
        self._reader.stop()
        self._group.stop()
        await self._calls.stop()
        await self._writer.stop()
