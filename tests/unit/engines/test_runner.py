"""The runner: who gets a place, what a timeout means, and what is told in which order."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, cast

from minuet.contracts.codec import Codec
from minuet.core.due import Slot
from minuet.core.plan import compile_plan
from minuet.core.settle import Failure
from minuet.core.state import Entry, Place
from minuet.engines.log import Position
from minuet.engines.partition import Partition, Run
from minuet.engines.runner import Runner
from minuet.engines.verdict import Ended, Verdicts
from minuet.errors import BrokerError
from minuet.event.model import Event
from minuet.kafka.connection import Connection, of_worker
from minuet.settings.worker import Options
from minuet.step import StepDefinition, definition_of, step
from tests.engines.trips import Desk, RoomReserved, TripAsked, trips


class Door:
    """A resource that lets through once it is open."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.let_go = asyncio.Event()


@step
def walk(asked: TripAsked, door: Door) -> RoomReserved:
    assert door.opened.wait(20)
    return RoomReserved(room=asked.trip_id)


@step
async def fly(asked: TripAsked, door: Door) -> RoomReserved:
    await asyncio.sleep(0)
    return RoomReserved(room=asked.trip_id)


@step
async def hover(asked: TripAsked, door: Door) -> RoomReserved:
    await door.let_go.wait()
    return RoomReserved(room=asked.trip_id)


@step
async def falls(asked: TripAsked) -> RoomReserved:
    raise asyncio.CancelledError


@dataclass
class Scene:
    """A runner of one step, and what it told."""

    definition: StepDefinition
    options: Options
    decode: Callable[..., Event] = lambda *_: TripAsked(trip_id="t")
    starts: Callable[[Run], bool] = lambda _: True
    door: Door = field(default_factory=Door)
    waiting_at_ends: list[tuple[str, int]] = field(default_factory=list)
    ends: list[Ended] = field(default_factory=list)
    late: list[Event] = field(default_factory=list)
    never_begun: list[str] = field(default_factory=list)
    wanted: int = 0

    def __post_init__(self) -> None:
        self.all_ended = asyncio.Event()
        self.all_late = asyncio.Event()
        self.part = Partition.of(compile_plan(trips("trips", Desk()).spec), 0, Position(0, 0))
        self.runner = Runner(
            {self.definition.spec.name: self.definition},
            {Door: self.door},
            cast(Codec, SimpleNamespace(decode=self.decode)),
            Verdicts({}),
            self.options,
            self,
        )

    def awaits(self, run: Run, reason: str) -> None:
        raise AssertionError(reason)

    def not_begun(self, run: Run) -> None:
        self.never_begun.append(run.key)

    def submit(self, key: str) -> None:
        self.wanted += 1
        cause = Entry(key, "TripAsked", 0, 0, "", Place.EFFECTIVE, value=b"")
        planned: Any = SimpleNamespace(name=self.definition.spec.name, spec=self.definition.spec)
        self.runner.submit(Run(self.part, key, Slot(key, planned, (cause,)), True))

    def may_start(self, run: Run) -> bool:
        return self.starts(run)

    def came_late(self, run: Run, event: Event) -> None:
        self.late.append(event)
        self.all_late.set()

    def ended(self, run: Run, ended: Ended) -> None:
        self.waiting_at_ends.append((run.key, self.runner.waiting))
        self.ends.append(ended)
        if len(self.ends) == self.wanted:
            self.all_ended.set()


def defined(function: object, **changed: Any) -> StepDefinition:
    definition = definition_of(function)
    assert definition is not None
    return replace(definition, spec=replace(definition.spec, **changed))


def run(story: Coroutine[Any, Any, None]) -> None:
    async def main() -> None:
        async with asyncio.timeout(30):
            await story

    asyncio.run(main())


def test_an_end_is_told_before_the_next_one_starts() -> None:
    async def story() -> None:
        scene = Scene(defined(fly), Options(in_flight=1))
        scene.submit("a")
        scene.submit("b")
        assert scene.waiting_at_ends == []
        await scene.all_ended.wait()
        assert scene.waiting_at_ends == [("a", 1), ("b", 0)]
        assert scene.runner.active == 0

    run(story())


def test_what_may_no_longer_start_is_dropped_before_an_end_is_told() -> None:
    async def story() -> None:
        scene = Scene(defined(fly), Options(in_flight=1), starts=lambda run: run.key in "ad")
        for key in "abcd":
            scene.submit(key)
        scene.wanted = 2
        await scene.all_ended.wait()
        assert scene.waiting_at_ends == [("a", 1), ("d", 0)]

    run(story())


def test_a_registry_without_an_answer_costs_one_run_a_retry() -> None:
    def away(*_: object) -> Event:
        message = "no broker"
        raise BrokerError(message)

    async def story() -> None:
        scene = Scene(defined(fly), Options(), decode=away)
        scene.submit("a")
        assert scene.ends == [Failure("retry", "BrokerError: no broker")]
        assert scene.never_begun == ["a"]  # its breaker is not told of the registry

    run(story())


def test_as_many_sync_steps_run_at_once_as_there_are_threads() -> None:
    async def story() -> None:
        scene = Scene(defined(walk), Options(threads=1))
        scene.submit("a")
        scene.submit("b")
        assert (scene.runner.active, scene.runner.waiting) == (1, 1)
        scene.door.opened.set()
        await scene.all_ended.wait()
        assert scene.ends == [RoomReserved(room="t")] * 2
        scene.runner.close()

    run(story())


def test_a_sync_step_runs_in_the_context_of_its_worker() -> None:
    async def story() -> None:
        found = []

        @step
        def look(asked: TripAsked, door: Door) -> RoomReserved:
            found.append(of_worker.get())
            return RoomReserved(room="t")

        place = Connection("127.0.0.1:1")
        of_worker.set(place)
        scene = Scene(defined(look), Options(threads=1))
        scene.submit("a")
        await scene.all_ended.wait()
        assert found == [place]
        scene.runner.close()

    run(story())


NOT_IN_TIME = Failure("retry", "no answer within 1 ms")


def test_a_thread_that_is_late_gives_up_its_place_and_its_answer_is_taken() -> None:
    async def story() -> None:
        scene = Scene(defined(walk, timeout_ms=1), Options(threads=1))
        scene.submit("a")
        await scene.all_ended.wait()
        assert scene.ends == [NOT_IN_TIME]
        assert scene.late == []
        scene.submit("b")  # beside it
        assert (scene.runner.active, scene.runner.waiting) == (2, 0)
        scene.door.opened.set()
        await scene.all_late.wait()
        assert scene.late[0] == RoomReserved(room="t")
        scene.runner.close()

    run(story())


def test_of_threads_that_are_late_no_more_are_waited_for_than_have_a_place() -> None:
    async def story() -> None:
        scene = Scene(defined(walk, timeout_ms=1), Options(threads=1))
        for key in "abc":
            scene.submit(key)
        while len(scene.ends) < 2:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.02)
        assert scene.ends == [NOT_IN_TIME] * 2  # the third has no thread: it has not started
        assert (scene.runner.active, scene.runner.waiting) == (2, 1)
        scene.door.opened.set()
        while len(scene.late) + sum(isinstance(end, Event) for end in scene.ends) < 3:
            await asyncio.sleep(0.001)
        while scene.runner.active:
            await asyncio.sleep(0.001)
        scene.runner.close()

    run(story())


def test_a_task_that_is_late_is_waited_for_and_of_too_many_the_oldest_is_ended() -> None:
    async def story() -> None:
        scene = Scene(defined(hover, timeout_ms=1), Options(late=2))
        for key in "abc":
            scene.submit(key)
            while len(scene.ends) < scene.wanted:
                await asyncio.sleep(0.001)
        await asyncio.sleep(0)
        assert scene.ends == [NOT_IN_TIME] * 3
        assert scene.runner.active == 2
        scene.door.let_go.set()
        while scene.runner.active:
            await asyncio.sleep(0.001)
        assert scene.late == [RoomReserved(room="t")] * 2

    run(story())


def test_what_a_step_cancels_itself_ends_its_run_alone() -> None:
    async def story() -> None:
        scene = Scene(defined(falls), Options())
        scene.submit("a")
        assert scene.ends == [Failure("bug", "CancelledError")]

    run(story())
