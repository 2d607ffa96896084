"""A place where a story is played: workers on some log, which is supplied."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, cast

from minuet.contracts.codec import Codec
from minuet.contracts.registry import LocalRegistry
from minuet.core.plan import compile_plan
from minuet.core.row import pack, peek
from minuet.core.state import State
from minuet.core.table import Table
from minuet.engines.course import Stored
from minuet.engines.log import Append, Log
from minuet.engines.loop import Loop
from minuet.engines.row_store import RowStores
from minuet.engines.worker import Assignment, unit_of
from minuet.event.ids import begin_id
from minuet.event.model import Event
from minuet.event.record import (
    CAUSES,
    DIGEST,
    SCHEMA,
    TYPE,
    Headers,
    Record,
    UnreadableHeaders,
    base_headers,
    parse,
)
from minuet.kafka.partitioner import partition_of
from minuet.settings.worker import Options
from minuet.spec.model import BreakerSpec, MigrationSpec
from tests.engines.trips import Desk, TripAsked, trips

OPTIONS = Options(threads=4, grace_s=5, look_s=0)


class Watched:
    """A log that notes what goes through it, and can hold it up.

    Attributes:
        pauses, resumes: how often it was told to.
        holds: event types whose appends are kept in `held` instead of written.
        acked: the types of what was acked, in their order.
        committed: the last position of each partition that was let through.
        rows_read: how many.
    """

    def __init__(self, log: Log) -> None:
        self.log = log
        self.pauses = self.resumes = 0
        self.holds: set[str] = set()
        self.held: list[Append] = []
        self.acked: list[str] = []
        self.rows_read = 0
        self.committed: dict[int, int] = {}

    def commit(self, offsets: Mapping[int, int]) -> None:
        if self.held and self.log.atomic:
            return  # it would be written with what is held up, or not at all
        self.committed.update(offsets)
        self.log.commit(offsets)

    def append(self, append: Append) -> None:
        kind = dict(append.headers).get(TYPE, b"").decode()
        if kind in self.holds:
            self.held.append(append)
            return
        acked = append.acked

        def noted(one: Append, offset: int) -> None:
            if acked is not None:
                acked(one, offset)
            self.acked.append(kind)

        append.acked = noted
        self.log.append(append)

    def pause(self, partitions: Iterable[int]) -> None:
        self.pauses += 1
        self.log.pause(partitions)

    def resume(self, partitions: Iterable[int]) -> None:
        self.resumes += 1
        self.log.resume(partitions)

    async def rows(
        self, partition: int, start: int = 0, end: int | None = None
    ) -> AsyncIterator[Sequence[tuple[bytes, bytes | None, int]]]:
        async for chunk in self.log.rows(partition, start, end):
            self.rows_read += len(chunk)
            yield chunk

    def __getattr__(self, name: str) -> Any:
        return getattr(self.log, name)


@dataclass
class Worker:
    """A loop on a log of its own."""

    loop: Loop
    log: Watched


class World(ABC):
    """Topics of their own, and any number of workers."""

    patience_s = 30.0

    def __init__(
        self, name: str, within: str = "1h", options: Options = OPTIONS,
        stores: RowStores | None = None,
    ) -> None:  # fmt: skip
        self.stores = stores
        self.desk = Desk()
        self.workflow = trips(name, self.desk, within=within)
        self.spec = self.workflow.spec
        self.plan = compile_plan(self.spec)
        self.codec = Codec(self.workflow.models.values(), LocalRegistry())
        self.options = options
        self.workers: list[Worker] = []
        self.ahead_ms = 0  # what the workers' clock is ahead of the broker's

    def _clock(self) -> int:
        return self.now_ms() + self.ahead_ms

    # -- what is supplied --------------------------------------------------------------------------

    @abstractmethod
    def log(self, group: str, client_id: str) -> Log: ...

    @abstractmethod
    def now_ms(self) -> int: ...

    @abstractmethod
    async def produce(
        self, topic: str, partition: int, key: bytes, value: bytes, headers: Headers
    ) -> None: ...

    @abstractmethod
    async def stored(self, topic: str) -> list[Stored]: ...

    @abstractmethod
    async def limit(self, topic: str, most: int) -> None:
        """Have the broker take no record of this topic that is larger, in bytes."""

    @abstractmethod
    async def expire(self) -> None:
        """Have the coordinator's group forget what it committed; nobody is in it."""

    @abstractmethod
    async def forget(self, topic: str, partition: int, before: int) -> None:
        """Have retention remove what stands before an offset."""

    @abstractmethod
    async def empty(self, topic: str) -> None:
        """Have a topic deleted and made anew."""

    @abstractmethod
    async def cut(self, worker: Worker) -> None:
        """Let a worker that was abandoned be gone from its group, soon."""

    # -- workers -----------------------------------------------------------------------------------

    async def start(self, *only: str) -> Worker:
        unit, group = unit_of(self.workflow, Assignment(only=only, form="simulated"))
        client_id = f"minuet:{self.spec.name}:{','.join(sorted(only))}"
        log = Watched(self.log(group, client_id))
        seed = len(self.workers)
        loop = Loop(unit, cast(Log, log), self.codec, self._clock, self.options, seed, self.stores)
        worker = Worker(loop, log)
        self.workers.append(worker)
        await loop.start()
        return worker

    async def started(self, *workers: Worker) -> None:
        """Wait until the workers have all partitions among them, and have restored them."""

        def shared() -> bool:
            parts = [part for worker in workers for part in worker.loop.parts.values()]
            numbers = sorted(part.number for part in parts)
            everyone = all(worker.loop.parts for worker in workers)
            whole = numbers == list(range(self.spec.partitions))
            return everyone and whole and all(part.restored for part in parts)

        await self.until(shared)

    async def stop(self, worker: Worker) -> None:
        self.workers.remove(worker)
        await worker.loop.stop()

    async def kill(self, worker: Worker) -> None:
        self.workers.remove(worker)
        worker.loop.abandon()
        await self.cut(worker)

    async def close(self) -> None:
        for worker in list(self.workers):
            await self.stop(worker)

    def policy(self, step: str, **changed: Any) -> None:
        """Give a step another policy, for workers that start later."""
        definition = self.workflow.steps[step]
        definition = replace(definition, spec=replace(definition.spec, **changed))
        steps = {**self.workflow.steps, step: definition}
        specs = tuple(one.spec for one in steps.values())
        self.workflow = replace(
            self.workflow, steps=steps, spec=replace(self.workflow.spec, steps=specs)
        )

    def early(self, wait_ms: int) -> None:
        """Let events wait only so long for their saga, for workers that start later."""
        self.workflow = replace(self.workflow, spec=replace(self.workflow.spec, early_ms=wait_ms))

    def breaker(self, step: str, failures: int, open_ms: int) -> None:
        """Put a step behind a breaker, for workers that start later."""
        self.policy(step, breaker="desk")
        breakers = (BreakerSpec("desk", failures, open_ms),)
        self.workflow = replace(self.workflow, spec=replace(self.workflow.spec, breakers=breakers))

    def release(self, *, migrates: bool = False, **changed: Any) -> None:
        """Make another version of the workflow, which knows the one before, for later workers."""
        before = self.workflow.spec
        rules = (MigrationSpec(before.version),) if migrates else ()
        self.spec = replace(
            before, version=f"after {before.version}", before=(before,), migrations=rules, **changed
        )
        self.workflow = replace(self.workflow, spec=self.spec)
        self.plan = compile_plan(self.spec)

    # -- what others publish -----------------------------------------------------------------------

    async def ask(self, *sagas: str, nights: int = 1) -> None:
        for saga in sagas:
            await self.publish(saga, TripAsked(trip_id=saga, nights=nights))

    async def publish(
        self, saga: str, event: Event, more: Headers | None = None, *, id: str = "",
        value: bytes = b"",
    ) -> None:  # fmt: skip
        encoded, name = self.codec.encode(event), type(event).__name__
        identity = id or begin_id(self.spec.name, name, saga)
        headers = base_headers(identity, name, b"/test", self.now_ms())
        headers += [(SCHEMA, encoded.schema), (DIGEST, encoded.digest), *(more or [])]
        await self.put(saga, value or encoded.value, headers)

    async def put(self, saga: str, value: bytes, headers: Headers) -> None:
        key = saga.encode()
        await self.produce(self.spec.log_topic, self.partition(saga), key, value, headers)

    # -- what there is to see ----------------------------------------------------------------------

    def partition(self, saga: str) -> int:
        return partition_of(saga.encode(), self.spec.partitions)

    def owner(self, saga: str) -> Worker:
        number = self.partition(saga)
        return next(w for w in self.workers if number in w.loop.parts)

    def state(self, saga: str) -> State | None:
        """What the owner of a saga knows of it."""
        for worker in self.workers:
            part = worker.loop.parts.get(self.partition(saga))
            if part is not None and worker.loop.coordinates:
                return part.table.get(saga)
        return None

    def _standing(self) -> list[str]:
        """How far each partition is, for whoever reads why a story went wrong."""
        return [
            f"{number}: committed {part.committed} of {part.position}, high {part.high}, "
            f"restored {part.restored}, storing {part.storing.locked()}, "
            f"{len(part.table.dirty)} dirty, next row {part.next_row}"
            for worker in self.workers
            for number, part in worker.loop.parts.items()
        ]

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until it is true; what is wrong meanwhile is raised."""
        waited = 0.0
        while not true():
            for worker in self.workers:
                if worker.loop.error is not None:
                    raise worker.loop.error
            assert waited < self.patience_s, (self.desk.visits, self._standing())
            await asyncio.sleep(0.01)
            waited += 0.01

    async def ended(self, *sagas: str) -> None:
        """Wait until the sagas have ended and are at rest."""

        def rest(saga: str) -> bool:
            state = self.state(saga)
            return state is not None and state.status.ended and not state.seen

        await self.until(lambda: all(rest(saga) for saga in sagas))

    async def called(self, step: str, saga: str, times: int = 1) -> None:
        await self.until(lambda: len(self.desk.calls(step, saga)) >= times)

    def table(self) -> dict[str, bytes]:
        """Every saga, packed, as the workers know them now."""
        found = {}
        for worker in self.workers:
            for part in worker.loop.parts.values():
                for key in list(part.table.keys()):
                    state = part.table.get(key)
                    assert state is not None
                    found[key] = pack(self.plan, state)
        return found

    async def history(self, saga: str = "") -> list[Record]:
        """The readable records of a saga, or of all, in the order of the log."""
        found = []
        for one in await self.stored(self.spec.log_topic):
            try:
                record = parse(one.key, one.value, one.headers, one.offset, one.time)
            except UnreadableHeaders:
                continue
            if saga in ("", record.key):
                found.append(record)
        return found

    async def types(self, saga: str) -> list[str]:
        return [record.type for record in await self.history(saga)]

    async def letters(self) -> list[dict[str, bytes]]:
        """The headers of each dead letter, doubles left out."""
        found = await self.stored(self.spec.dead_letter_topic)
        return list(
            {dict(one.headers)["minuet_letter"]: dict(one.headers) for one in found}.values()
        )

    async def verify(self) -> int:
        """Compare each stored row with the fold of the log at the row's own offset."""
        rows: dict[str, bytes] = {}
        for one in await self.stored(self.spec.table_topic):
            if one.value is not None:
                rows[one.key.decode()] = one.value
        tables = [Table(self.plan) for _ in range(self.spec.partitions)]
        compared = 0
        for record in await self.history():
            row = rows.get(record.key)
            state = tables[self.partition(record.key)].fold(record)
            if row is not None and peek(row)[0] == record.offset:
                assert pack(self.plan, state) == row, record.key
                compared += 1
        assert compared == len(rows)
        return compared


class Play(Protocol):
    """Plays a story in a world of its own."""

    def __call__(
        self,
        story: Callable[[World], Awaitable[None]],
        *,
        within: str = "1h",
        options: Options = OPTIONS,
    ) -> None: ...


def causes(record: Record) -> list[str]:
    """The ids a record names as its causes, sorted."""
    return sorted(record.text(CAUSES).split(","))


def ids(records: Iterable[Record], *types: str) -> list[str]:
    """The ids of the records of these types, sorted."""
    return sorted(record.id for record in records if record.type in types)
