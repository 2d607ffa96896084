"""Delay topics are wake-up calls: each may be lost, stale or doubled, on every log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from minuet.engines import calls
from minuet.engines.log import Append
from minuet.errors import RetryLater
from minuet.event.record import NOT_BEFORE, SLOT
from tests.engines import memory_world
from tests.engines.trips import fails
from tests.engines.world import OPTIONS, Play, World

LONG = "12s"
NO_TIMERS = replace(OPTIONS, timers=0)


def topic(world: World, delay: str = "10s") -> str:
    return f"{world.spec.name}.retry.{delay}"


async def waiting(world: World, saga: str, after: str = LONG) -> None:
    """Have a saga wait for its room."""
    world.desk.tell("reserve_room", saga, fails(RetryLater("full", after=after)))
    await world.ask(saga)
    for _ in range(3_000):
        if "StepRetrying" in await world.types(saga):
            return
        await asyncio.sleep(0.01)
    raise AssertionError(saga)


async def called(world: World, count: int, delay: str = "10s") -> None:
    for _ in range(3_000):
        if len(await world.stored(topic(world, delay))) >= count:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(count)


def armed(world: World) -> int:
    return sum(part.armed for w in world.workers for part in w.loop.parts.values())


def mask(world: World, saga: str) -> int:
    state = world.state(saga)
    return state.mask if state is not None else 0


def test_a_long_wait_beyond_the_bound_is_woken_by_its_call_alone(play: Play) -> None:
    async def story(world: World) -> None:
        await world.started(await world.start())
        await waiting(world, "t")
        await called(world, 1)
        [call] = await world.stored(topic(world))
        [retrying] = [r for r in await world.history("t") if r.type == "StepRetrying"]
        headers = dict(call.headers)
        assert call.key == b"t"
        assert call.partition == world.partition("t")
        assert headers[SLOT].decode() == retrying.slot
        assert int(headers[NOT_BEFORE]) == retrying.number(NOT_BEFORE)
        assert call.time >= retrying.time  # the event is first
        await world.ended("t")
        assert [visit.attempt for visit in world.desk.calls("reserve_room", "t")] == [1, 2]
        ends = (await world.history("t"))[-1]
        assert ends.time >= retrying.number(NOT_BEFORE)

    play(story, options=NO_TIMERS)


def test_with_few_timers_no_call_is_written(play: Play) -> None:
    async def story(world: World) -> None:
        await world.started(await world.start())
        await waiting(world, "t")
        await world.until(lambda: armed(world) > 0)
        assert await world.stored(topic(world)) == []

    play(story)


def in_memory(story: Callable[[World], object]) -> None:
    memory_world.play(story, within="10d", options=NO_TIMERS)  # type: ignore[arg-type]


def test_a_wait_longer_than_every_delay_is_called_again_until_its_time() -> None:
    async def story(world: World) -> None:
        world.patience_s = 3600
        await world.started(await world.start())
        await waiting(world, "t", "1515s")
        await world.ended("t")
        counts = [len(await world.stored(topic(world, delay))) for delay in ("10m", "1m", "10s")]
        assert counts == [2, 5, 1]
        assert len(world.desk.calls("reserve_room", "t")) == 2

    in_memory(story)


def test_a_lost_call_is_made_good_by_a_look_through_the_table(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def story(world: World) -> None:
        world.patience_s = 300
        worker = await world.start()
        await world.started(worker)
        log = worker.log.log
        append = log.append

        def loses(one: Append) -> None:
            if ".retry." not in one.topic:
                append(one)

        monkeypatch.setattr(log, "append", loses)
        await waiting(world, "t")
        await world.ended("t")
        assert await world.stored(topic(world)) == []
        history = await world.history("t")
        late_ms = history[-1].time - history[1].number(NOT_BEFORE)
        assert late_ms <= calls.LOOK_S * 1000 + 1000

    in_memory(story)


def test_a_call_that_comes_twice_or_for_nobody_changes_nothing() -> None:
    async def story(world: World) -> None:
        await world.started(await world.start())
        await waiting(world, "t")
        await called(world, 1)
        [call] = await world.stored(topic(world))
        for key in (call.key, call.key, b"nobody"):
            await world.produce(topic(world), call.partition, key, b"", call.headers)
        await world.ended("t")
        types = await world.types("t")
        await asyncio.sleep(30)
        assert await world.types("t") == types
        assert len(world.desk.calls("reserve_room", "t")) == 2

    in_memory(story)


def test_calls_outlive_the_worker_that_wrote_them() -> None:
    async def story(world: World) -> None:
        worker = await world.start()
        await world.started(worker)
        await waiting(world, "t", "70s")
        await called(world, 1, "1m")
        await asyncio.sleep(5)
        await world.kill(worker)
        second = await world.start()
        await world.started(second)
        assert armed(world) == 1  # the deadline, of its one saga
        world.patience_s = 100
        await world.ended("t")
        history = await world.history("t")
        late_ms = history[-1].time - history[1].number(NOT_BEFORE)
        assert late_ms < 2_000

    in_memory(story)


def test_a_deadline_that_is_overdue_sets_no_timer_while_the_log_is_asked_for_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def story(world: World) -> None:
        worker = await world.start()
        await world.started(worker)
        log, asked = worker.log.log, []
        ask = log.high_watermark

        async def slowly(partition: int) -> int:
            for _ in range(100):  # turns of the loop, not time: a timer of now would fire in them
                await asyncio.sleep(0)
            if armed(world):
                worker.loop.broken(AssertionError("armed"))  # or it would go round for ever
            asked.append(partition)
            return await ask(partition)

        monkeypatch.setattr(log, "high_watermark", slowly)
        await waiting(world, "t", "1h")
        await world.until(lambda: world.plan.bits["TripExpired"] & mask(world, "t") > 0)
        assert asked == [world.partition("t")]

    memory_world.play(story, within="20s", options=NO_TIMERS)
