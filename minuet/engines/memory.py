"""The log on a model of Kafka, in virtual time: the same loop, the same order at every run.

Each thing that crosses between a member and the broker takes its time, and stays in its lane: what
Kafka keeps in order comes in order, all else may overtake. A member can be killed, or be silent for
a while and come back as a zombie.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from minuet.engines import virtual_time
from minuet.engines.log import Append, Position, Sink, Unreadable
from minuet.engines.memory_calls import MemoryCalls
from minuet.engines.memory_way import Way
from minuet.engines.model_broker import ModelBroker, as_bytes
from minuet.event.record import Record

BATCH = 50  # records read at once, at most
ROWS_BATCH = 20  # so that much happens while the rows of a few sagas are read


@dataclass(slots=True)
class _Fetch:
    """How far a partition was read; `busy` while a batch is on its way."""

    position: int
    paused: bool = False
    busy: bool = False


class MemoryLog:
    """One member of a workflow's consumer group, and its producer.

    Args:
        broker: to talk to.
        name: of the member, another one for each.
        table: the topic of rows.
        group: to join.
        reads_from: the coordinator's group, whose commits say where reading begins.
    """

    atomic = False

    def __init__(
        self, broker: ModelBroker, name: str, table: str, *, group: str, reads_from: str
    ) -> None:
        self.name = name
        self.gone = asyncio.Event()
        self._broker = broker
        self._table = table
        self._group = broker.group(group)
        self._commits = broker.group(reads_from)
        self._fetches: dict[int, _Fetch] = {}
        self._actions = 0  # left until it dies, if that is wanted
        self._died: Callable[[], None] | None = None
        self._calls = MemoryCalls(broker, self._called)
        self._flying = 0
        self._slept = False
        self._landed = asyncio.Event()

    async def open(self, sink: Sink) -> None:
        """Join the group and begin to read."""
        self._sink = sink
        self._loop = virtual_time.running()
        self._way = Way(self._broker, self._loop)
        self._broker.readers.append(self)
        self._group.join(self)

    # -- writing ---------------------------------------------------------------------------------

    def append(self, append: Append) -> None:
        """Write a record; what goes to one partition stays in order."""
        self._flying += 1
        lane = ("out", append.topic, append.partition)
        self._way.out(lane, lambda: self._append(append))
        self._act()

    def _act(self) -> None:
        """Die here, if so many things have been sent."""
        self._actions -= 1
        if not self._actions and self._died is not None and not self._way.dead:
            self.kill()
            self._died()

    def _append(self, append: Append) -> None:
        broker = self._broker
        if not broker.takes(append.topic, append.key, append.value, append.headers):
            self._way.back(("ack", append.topic, append.partition), lambda: self._refused(append))
            return
        record = (append.topic, append.partition, append.key, append.value, append.headers)
        lost = broker.happens(broker.faults.append_lost, "append lost")
        offset = -1 if lost else broker.store(*record)
        if not lost and broker.happens(broker.faults.duplicated, "duplicated"):
            broker.store(*record)
        unknown = lost or broker.happens(broker.faults.ack_lost, "ack lost")
        lane = ("ack", append.topic, append.partition)
        self._way.back(lane, lambda: self._acked(append, None if unknown else offset))

    def _refused(self, append: Append) -> None:
        self._flying -= 1
        self._landed.set()
        self._sink.failed(append, "the record is too large", final=True)

    def _acked(self, append: Append, offset: int | None) -> None:
        self._flying -= 1
        self._landed.set()
        if offset is None:
            self._sink.failed(append, "no answer from the model broker", final=False)
        elif append.acked is not None:
            append.acked(append, offset)

    # -- reading ---------------------------------------------------------------------------------

    def wake(self, partition: int) -> None:
        """Fetch, if this one is read and there is something."""
        fetch = self._fetches.get(partition)
        if fetch is None or fetch.paused or fetch.busy:
            return
        if fetch.position < len(self._broker.records(self._broker.log, partition)):
            fetch.busy = True
            self._way.back(("read", partition), lambda: self._deliver(partition, fetch))

    def _deliver(self, partition: int, fetch: _Fetch) -> None:
        fetch.busy = False
        if fetch.paused or self._fetches.get(partition) is not fetch:
            return
        there = self._broker.records(self._broker.log, partition)
        batch = self._broker.read(
            partition, fetch.position, fetch.position + self._broker.some(BATCH)
        )
        fetch.position += len(batch)
        self._sink.read(partition, batch)
        if fetch.position == len(there):
            self._sink.reached(partition, fetch.position)
        else:
            self.wake(partition)

    async def is_member(self) -> bool:
        """Ask the group."""
        answer: asyncio.Future[bool] = self._loop.create_future()

        def ask() -> None:
            there = self._group.members.get(self.name) is self
            self._slept = self._slept and not there
            self._way.back("ask", lambda: answer.set_result(there) if not answer.done() else None)

        self._way.out("ask", ask)
        return await answer

    def was_silent(self) -> bool:
        """Whether it was silent for longer than its session, and has not asked since."""
        return self._slept

    def follow(self, partition: int, delays: Mapping[str, int]) -> None:
        """Follow delay topics."""
        self._calls.follow(partition, delays)

    def unfollow(self, partition: int) -> None:
        """Follow them no more."""
        self._calls.unfollow(partition)

    def wake_calls(self, topic: str, partition: int) -> None:
        """There may be another call."""
        self._calls.wake(topic, partition)

    def _called(self, partition: int, key: str) -> None:
        self._way.back("calls", lambda: self._sink.called(partition, key))

    # -- the group -------------------------------------------------------------------------------

    def assign(self, partitions: Iterable[int]) -> None:
        """Begin to read partitions from the coordinator's last commit."""
        self._way.back("group", lambda: self._assigned(partitions))

    def _assigned(self, partitions: Iterable[int]) -> None:
        positions = {}
        for number in partitions:
            high = len(self._broker.records(self._broker.log, number))
            positions[number] = Position(self._commits.committed.get(number, 0), high)
            self._fetches[number] = _Fetch(positions[number].start)
        self._sink.assigned(positions)
        for number in positions:
            self.wake(number)

    async def give_back(self, partitions: list[int]) -> None:
        """Let the loop store what it has, then read no more."""
        await self._way.there_and_back("group")  # behind an assignment that is still on its way
        await self._sink.revoked(partitions)
        await self._way.there_and_back("group")  # behind the commits
        for number in partitions:
            self._fetches.pop(number, None)

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Commit positions; who has been expelled commits nothing."""
        self._way.out("group", lambda: self._committed(offsets))
        self._act()

    def _committed(self, offsets: Mapping[int, int]) -> None:
        if not self._group.commit(self.name, offsets):
            self._broker.hits["commit refused"] += 1

    def pause(self, partitions: Iterable[int]) -> None:
        """Fetch no more of these for now."""
        for number in partitions:
            if number in self._fetches:
                self._fetches[number].paused = True

    def resume(self, partitions: Iterable[int]) -> None:
        """Fetch these (again)."""
        for number in partitions:
            if number in self._fetches:
                self._fetches[number].paused = False
                self.wake(number)

    # -- what the loop asks for ------------------------------------------------------------------

    async def high_watermark(self, partition: int) -> int:
        """Ask for the log's high watermark."""
        await self._way.there_and_back("ask")
        return len(self._broker.records(self._broker.log, partition))

    async def rows(
        self, partition: int, start: int = 0, end: int | None = None
    ) -> AsyncIterator[Sequence[tuple[bytes, bytes | None, int]]]:
        """Read stored rows in chunks."""
        there = self._broker.standing(self._table, partition, start, end)
        while there:
            await self._way.there_and_back("rows")
            some = self._broker.some(ROWS_BATCH)
            chunk, there = there[:some], there[some:]
            yield [(stored.key, stored.value, stored.offset) for stored in chunk]

    async def history(
        self, partition: int, start: int, end: int
    ) -> AsyncIterator[Sequence[Record | Unreadable]]:
        """Read the log beside the group."""
        low = self._broker.lows.get((self._broker.log, partition), 0)
        for at in range(max(start, low), end, ROWS_BATCH):
            await self._way.there_and_back("history")
            yield self._broker.read(partition, at, min(at + ROWS_BATCH, end))

    async def records(self, partition: int, offsets: Sequence[int]) -> Mapping[int, Unreadable]:
        """Read single records of the log."""
        await self._way.there_and_back("ask")
        there = self._broker.records(self._broker.log, partition)
        low = self._broker.lows.get((self._broker.log, partition), 0)
        return {at: as_bytes(there[at]) for at in offsets if low <= at < len(there)}

    async def close(self) -> None:
        """Flush, give everything back, and leave the group."""
        while self._flying and not self._way.dead:
            self._landed.clear()
            await self._landed.wait()
        mine = [p for p, owner in self._group.owners.items() if owner == self.name]
        if not self._way.dead:
            await self.give_back(mine)
        self._end("leaves")

    # -- what happens to a member ----------------------------------------------------------------

    def kill(self) -> None:
        """End without a word; the group learns of it when the session ends."""
        self._broker.note(f"{self.name} is killed")
        self._broker.hits["killed"] += 1
        self._way.cut()
        session_s = self._broker.faults.session_ms / 1000
        self._loop.call_later(session_s, self._end, "is expelled")

    def crash_after(self, actions: int, died: Callable[[], None]) -> None:
        """Be killed right after so many appends and commits, in the midst of whatever it is.

        Args:
            actions: at least one.
            died: told when it happens.
        """
        self._actions, self._died = actions, died

    def spare(self) -> None:
        """Forget about such an end."""
        self._died = None

    def freeze(self) -> None:
        """Be silent: nothing comes in, nothing goes out, and it knows nothing of it."""
        self._broker.note(f"{self.name} is silent")
        self._broker.hits["silent"] += 1
        self._way.silent = True
        session_s = self._broker.faults.session_ms / 1000
        self._silence = self._loop.call_later(session_s, self._group.leave, self.name, "is silent")

    def thaw(self) -> None:
        """Go on as if nothing had been; only then learn what was lost meanwhile."""
        self._broker.note(f"{self.name} is back")
        self._silence.cancel()
        self._slept = self._slept or self.gone.is_set()
        self._way.open_up()
        if self.gone.is_set():
            self._broker.hits["zombie"] += 1
            self._way.back("group", self._lost)

    def _lost(self) -> None:
        numbers = list(self._fetches)
        self._fetches.clear()
        self._sink.lost(numbers)
        self.gone.clear()
        self._group.join(self)

    def _end(self, why: str) -> None:
        self._way.dead = True
        self._calls.stop()
        self._fetches.clear()
        self._landed.set()
        if self in self._broker.readers:
            self._broker.readers.remove(self)
        self._group.leave(self.name, why)
