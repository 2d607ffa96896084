"""Rows that a worker left behind when it came back from a sleep, where nothing happens any more.

Trace: the owner has written the last row of a saga; a zombie's queued row of it lands behind;
nobody writes to that partition again; a day later compaction keeps the zombie's alone; a crash.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from minuet.core.row import pack
from minuet.core.state import State
from minuet.core.table import Table
from minuet.engines import virtual_time
from minuet.engines.log import Position
from minuet.engines.memory import MemoryLog
from tests.engines.memory_world import MemoryWorld
from tests.engines.trips import waits
from tests.engines.world import OPTIONS, Worker, World

LOOKS = replace(OPTIONS, look_s=600)
DAY_S = 24 * 3600


async def zombie(world: MemoryWorld, saga: str) -> None:
    """A worker falls asleep with a row in its hands, and dies as soon as it has sent it."""
    never = asyncio.Event()
    world.desk.tell("reserve_room", saga, waits(never))
    sleeper = await world.start()
    await world.started(sleeper)
    await world.ask(saga)
    await world.called("reserve_room", saga)
    log = sleeper.log.log
    assert isinstance(log, MemoryLog)
    log.freeze()
    world.workers.remove(sleeper)
    awake = await world.start()
    await world.started(awake)
    await world.ended(saga)
    await settled(awake)
    log.thaw()
    log.kill()
    sleeper.loop.abandon()


async def settled(worker: Worker) -> None:
    """Wait until everything is stored."""
    while any(p.committed < p.position or p.table.dirty for p in worker.loop.parts.values()):
        await asyncio.sleep(0.1)


async def rows(world: World, saga: str) -> list[bytes | None]:
    stored = await world.stored(world.spec.table_topic)
    return [one.value for one in stored if one.key == saga.encode()]


async def folded(world: World, saga: str) -> bytes:
    """The row that the log says the saga has."""
    table = Table(world.plan)
    [*_, state] = [table.fold(record) for record in await world.history(saga)]
    return pack(world.plan, state)


def test_the_late_row_of_a_zombie_is_written_again_before_compaction_makes_it_the_only_one() -> (
    None
):
    async def main() -> None:
        world = MemoryWorld(options=LOOKS)
        await zombie(world, "t")
        await asyncio.sleep(1)
        right = await folded(world, "t")
        *_, before, last = await rows(world, "t")
        assert (before, last != right) == (right, True)  # the zombie's did land last
        await asyncio.sleep(DAY_S)
        world.broker.compact(world.spec.table_topic)
        await world.kill(world.workers[0])
        await world.started(await world.start())
        assert world.table()["t"] == right
        assert len(world.desk.calls("reserve_room", "t")) == 2  # the sleeper's, and its successor's
        await world.close()

    virtual_time.run(main())


def test_the_row_of_a_saga_that_was_dropped_does_not_make_it_rise_again() -> None:
    async def main() -> None:
        world = MemoryWorld(options=LOOKS)
        await world.ask("t")
        first = await world.start()
        await world.ended("t")
        await settled(first)
        [begin, *_] = await world.history("t")
        stale = pack(world.plan, Table(world.plan).fold(begin))
        part = first.loop.parts[world.partition("t")]
        part.table.forget("t")  # as after the horizon
        world.broker.store(world.spec.table_topic, part.number, b"t", None, [])
        world.broker.store(world.spec.table_topic, part.number, b"t", stale, [])
        await asyncio.sleep(LOOKS.look_s + 1)
        assert (await rows(world, "t"))[-1] is None
        await world.close()

    virtual_time.run(main())


@pytest.mark.parametrize("look_s", [0, 600])
def test_no_row_is_written_for_a_look(look_s: float) -> None:
    async def main() -> None:
        world = MemoryWorld(options=replace(OPTIONS, look_s=look_s))
        await world.ask("t")
        first = await world.start()
        await world.ended("t")
        await settled(first)
        before = await rows(world, "t")
        await asyncio.sleep(3_600)
        assert await rows(world, "t") == before
        await world.close()

    virtual_time.run(main())


def test_a_row_of_an_owner_who_has_read_further_is_left_alone() -> None:
    async def main() -> None:
        world = MemoryWorld(options=LOOKS)
        await world.ask("t")
        first = await world.start()
        await world.ended("t")
        await settled(first)
        number = world.partition("t")
        further = pack(world.plan, State("not-read-here", log_offset=1_000))
        world.broker.store(world.spec.table_topic, number, b"not-read-here", further, [])
        await asyncio.sleep(LOOKS.look_s + 1)
        assert await rows(world, "not-read-here") == [further]
        await world.close()

    virtual_time.run(main())


def test_a_partition_that_was_lost_and_given_anew_is_not_ended_by_the_older_farewell() -> None:
    async def main() -> None:
        world = MemoryWorld(options=LOOKS)
        await world.ask("t")
        worker = await world.start()
        await world.ended("t")
        await settled(worker)
        loop, number = worker.loop, world.partition("t")
        old = loop.parts[number]
        async with old.storing:  # as while its rows are read
            farewell = asyncio.ensure_future(loop.revoked([number]))
            await asyncio.sleep(0)
            loop.lost([number])
            loop.assigned({number: Position(old.position, old.position)})
        await farewell
        assert loop.parts[number] is not old
        assert loop.parts[number].live
        await world.close()

    virtual_time.run(main())
