"""The runner: who gets a place, what a timeout means, and what is told in which order."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from minuet.contracts.codec import Codec
from minuet.core.due import Slot
from minuet.core.plan import compile_plan
from minuet.core.settle import Failure
from minuet.core.state import Entry, Place
from minuet.engines.log import Position
from minuet.engines.partition import Partition, Run
from minuet.engines.runner import REASON_MOST, Ended, Runner, failure_of
from minuet.errors import BrokerError, GiveUp, RetryLater
from minuet.event.model import Event
from minuet.settings.worker import Options
from minuet.step import StepDefinition, definition_of, step
from tests.engines.trips import Desk, RoomReserved, TripAsked, trips


class Door:
    """A resource that lets through once it is open."""

    def __init__(self) -> None:
        self.opened = threading.Event()


@step
def walk(asked: TripAsked, door: Door) -> RoomReserved:
    assert door.opened.wait(20)
    return RoomReserved(room=asked.trip_id)


@step
async def fly(asked: TripAsked, door: Door) -> RoomReserved:
    await asyncio.sleep(0)
    return RoomReserved(room=asked.trip_id)


@dataclass
class Scene:
    """A runner of one step, and what it told."""

    definition: StepDefinition
    options: Options
    decode: Callable[..., Event] = lambda *_: TripAsked(trip_id="t")
    may_start: Callable[[Run], bool] = lambda _: True
    door: Door = field(default_factory=Door)
    waiting_at_ends: list[tuple[str, int]] = field(default_factory=list)
    ends: list[Ended] = field(default_factory=list)
    wanted: int = 0

    def __post_init__(self) -> None:
        self.all_ended = asyncio.Event()
        self.part = Partition.of(compile_plan(trips("trips", Desk()).spec), 0, Position(0, 0))
        self.runner = Runner(
            {self.definition.spec.name: self.definition},
            {Door: self.door},
            cast(Codec, SimpleNamespace(decode=self.decode)),
            self.options,
            ended=self._ended,
            may_start=self.may_start,
        )

    def submit(self, key: str) -> None:
        self.wanted += 1
        cause = Entry(key, "TripAsked", 0, 0, "", Place.EFFECTIVE, value=b"")
        planned: Any = SimpleNamespace(name=self.definition.spec.name, spec=self.definition.spec)
        self.runner.submit(Run(self.part, key, Slot(key, planned, (cause,)), True))

    def _ended(self, run: Run, ended: Ended) -> None:
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
        scene = Scene(defined(fly), Options(in_flight=1), may_start=lambda run: run.key in "ad")
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


class Opens(logging.Handler):
    """Opens a door once something is logged."""

    def __init__(self, door: Door) -> None:
        super().__init__()
        self.door = door

    def emit(self, record: logging.LogRecord) -> None:
        self.door.opened.set()


def test_the_answer_of_a_thread_is_taken_when_it_comes_after_the_timeout() -> None:
    log = logging.getLogger("minuet.worker")

    async def story() -> None:
        scene = Scene(defined(walk, timeout_ms=1), Options(threads=1))
        handler = Opens(scene.door)
        log.addHandler(handler)
        try:
            scene.submit("a")
            await scene.all_ended.wait()
        finally:
            log.removeHandler(handler)
        assert scene.ends == [RoomReserved(room="t")]
        scene.runner.close()

    run(story())


@pytest.mark.parametrize("kind", [RetryLater, GiveUp, ConnectionError, ValueError])
def test_what_went_wrong_is_told_in_bounds(kind: Callable[[str], Exception]) -> None:
    assert len(failure_of(kind("." * 10_000)).error) == REASON_MOST
