"""Where two things meet at a bad moment: each of these once went wrong, on every log."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from minuet.core.row import pack
from minuet.core.table import Table
from minuet.step import definition_of
from tests.engines.trips import STEPS, fails, waits, when
from tests.engines.world import OPTIONS, Play, Worker, World

SAGAS = [f"trip-{n}" for n in range(24)]
OTHERS = sorted(definition.spec.name for one in STEPS if (definition := definition_of(one)))
OTHERS.remove("reserve_seat")
NARROW = replace(OPTIONS, in_flight=1, window=2)


def fails_in(worker: Worker, world: World, saga: str) -> bool:
    """Whether a worker, of whatever unit, has read that a saga fails."""
    part = worker.loop.parts.get(world.partition(saga))
    state = part.table.get(saga) if part is not None else None
    return state is not None and state.failing


def stored(world: World) -> bool:
    """Whether all that was folded is committed, and its rows are acked."""
    parts = [part for worker in world.workers for part in worker.loop.parts.values()]
    done = [part.committed == part.position and not part.storing.locked() for part in parts]
    return bool(done) and all(done)


def test_a_step_that_ran_before_the_failure_is_asked_again_and_not_skipped(play: Play) -> None:
    async def story(world: World) -> None:
        failed = asyncio.Event()
        world.desk.tell("reserve_seat", "t", fails(ConnectionError("reset"), then=failed))
        world.desk.tell("reserve_room", "t", when(failed, False))
        await world.started(await world.start())  # so that nobody else can have started it
        await world.ask("t")
        await world.ended("t")
        types = await world.types("t")
        first, second = world.desk.calls("reserve_seat")
        assert first.slot == second.slot
        assert "StepSkipped" not in types
        assert types[-3:] == ["ReleaseSeat", "SeatReleased", "SagaCompensated"]

    play(story)


@pytest.mark.parametrize("known", [True, False])
def test_only_who_knows_that_nobody_started_a_step_in_doubt_skips_it(
    play: Play, known: bool
) -> None:
    async def story(world: World) -> None:
        busy, refused = asyncio.Event(), asyncio.Event()
        world.desk.tell("reserve_seat", "before", waits(busy))
        world.desk.tell("reserve_room", "t", when(refused, False))
        await world.started(await world.start("coordinator", *OTHERS))
        if known:
            seats = await world.start("reserve_seat")
            await world.until(lambda: sum(p.restored for p in seats.loop.parts.values()) == 4)
            await world.ask("before")
            await world.called("reserve_seat", "before")  # its only place is taken
        units = list(world.workers)
        await world.ask("t")
        await world.called("reserve_room", "t")
        refused.set()
        await world.until(lambda: all(fails_in(unit, world, "t") for unit in units))
        if not known:  # it comes only now, and an earlier owner may have started the step
            await world.start("reserve_seat")
        busy.set()
        await world.ended("t")
        assert ("StepSkipped" in await world.types("t")) == known
        assert len(world.desk.calls("reserve_seat", "t")) == (not known)

    play(story, options=NARROW)


def test_partitions_that_are_restored_under_pressure_are_read_to_their_end(play: Play) -> None:
    async def story(world: World) -> None:
        gate = asyncio.Event()
        for saga in SAGAS:
            world.desk.tell("reserve_room", saga, waits(gate))
        await world.ask(*SAGAS)
        worker = await world.start()
        await world.until(lambda: worker.log.pauses > 0)
        gate.set()
        await world.ended(*SAGAS)

    play(story, options=NARROW)


def test_partitions_given_to_a_worker_under_pressure_are_read(play: Play) -> None:
    async def story(world: World) -> None:
        gate = asyncio.Event()
        for saga in SAGAS:
            world.desk.tell("reserve_room", saga, waits(gate))
        first, second = await world.start(), await world.start()
        await world.started(first, second)
        await world.ask(*SAGAS)
        await world.until(lambda: first.log.pauses > 0 and second.log.pauses > 0)
        await world.kill(second)
        await world.until(lambda: len(first.loop.parts) == 4)
        gate.set()
        await world.ended(*SAGAS)

    play(story, options=NARROW)


def test_a_row_that_somebody_else_wrote_is_written_again(play: Play) -> None:
    async def story(world: World) -> None:
        worker = await world.start()
        await world.ask("t")
        await world.ended("t")
        await world.until(lambda: stored(world))
        right = world.table()["t"]
        [begin, *_] = await world.history("t")
        old = pack(world.plan, Table(world.plan).fold(begin))
        topic, partition = world.spec.table_topic, world.partition("t")
        await world.produce(topic, partition, b"t", old, [])
        other = next(saga for saga in SAGAS if world.partition(saga) == partition)
        await world.ask(other)
        await world.ended(other)
        await world.stop(worker)
        rows = [one.value for one in await world.stored(topic) if one.key == b"t"]
        assert old in rows
        assert rows[-1] == right

    play(story)


def test_so_it_is_where_nothing_happens_any_more(play: Play) -> None:
    async def story(world: World) -> None:
        await world.start()
        await world.ask("t")
        await world.ended("t")
        await world.until(lambda: stored(world))
        right = world.table()["t"]
        [begin, *_] = await world.history("t")
        old = pack(world.plan, Table(world.plan).fold(begin))
        topic = world.spec.table_topic
        await world.produce(topic, world.partition("t"), b"t", old, [])
        while [one.value for one in await world.stored(topic) if one.key == b"t"][-1] != right:
            await asyncio.sleep(0.05)

    play(story, options=replace(OPTIONS, look_s=0.2))


def test_a_worker_whose_kafka_is_gone_stops_all_the_same(play: Play) -> None:
    async def story(world: World) -> None:
        worker = await world.start()
        await world.ask(*SAGAS)
        await world.ended(*SAGAS)
        await world.until(lambda: stored(world))
        worker.log.append = lambda append: None  # type: ignore[method-assign]
        await world.ask("t")
        await world.called("reserve_room", "t")
        await world.stop(worker)
        assert await world.verify() == len(SAGAS)

    play(story, options=replace(OPTIONS, grace_s=1))
