"""A worker that finds its rows on disk reads only what was written since."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from minuet.core.row import pack
from minuet.engines.disk_stores import DiskStores
from tests.engines import memory_world
from tests.engines.memory_world import MemoryWorld
from tests.engines.trips import waits
from tests.engines.world import Worker, World

SAGAS = tuple(f"trip-{number}" for number in range(20))


def play(folder: Path, story: Callable[[World], Awaitable[None]]) -> None:
    memory_world.play(story, stores=DiskStores(folder, {}, most=0))


def read_rows(world: World) -> int:
    """How many rows the workers that run now read when they started."""
    return sum(worker.log.rows_read for worker in world.workers)


def test_after_a_clean_stop_no_row_is_read(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        worker = await world.start()
        await world.ask(*SAGAS)
        await world.ended(*SAGAS)
        await world.stop(worker)
        table = len(await world.stored(world.spec.table_topic))
        await world.started(await world.start())
        assert read_rows(world) == 0
        assert len(world.table()) == len(SAGAS) <= table
        assert await world.verify() == len(SAGAS)
        await world.ask("t")
        await world.ended("t")

    play(tmp_path, story)


def test_after_a_crash_only_rows_since_the_last_checkpoint_are_read(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        worker = await world.start()
        await world.ask(*SAGAS)
        await world.ended(*SAGAS)
        await world.until(lambda: all(not p.table.dirty for p in worker.loop.parts.values()))
        await world.until(lambda: all(not p.storing.locked() for p in worker.loop.parts.values()))
        await world.kill(worker)
        await world.started(await world.start())
        assert read_rows(world) == 0
        assert len(world.table()) == len(SAGAS)

    play(tmp_path, story)


def test_what_another_worker_wrote_since_is_read(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        here = world.stores
        await world.stop(await settled(world, *SAGAS))
        world.stores = DiskStores(tmp_path / "elsewhere", {}, most=0)
        await world.stop(await settled(world, "t", "u"))
        world.stores = here
        await world.started(await world.start())
        assert 2 <= read_rows(world) < len(SAGAS)
        assert set(world.table()) == {*SAGAS, "t", "u"}
        assert await world.verify() == len(SAGAS) + 2

    async def settled(world: World, *sagas: str) -> Worker:
        worker = await world.start()
        await world.ask(*sagas)
        await world.ended(*sagas)
        return worker

    play(tmp_path / "here", story)


def test_a_row_of_an_owner_that_is_further_on_is_not_taken_for_known(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        assert world.stores is not None
        worker = await world.start()
        await world.ask(*SAGAS)
        await world.ended(*SAGAS)
        state = world.state("trip-0")
        assert state is not None
        state.log_offset, ahead = 10_000, state.log_offset
        row = pack(world.plan, state)
        state.log_offset = ahead
        topic, number = world.spec.table_topic, world.partition("trip-0")
        await world.produce(topic, number, b"of-the-next-owner", row, [])
        place = max(one.offset for one in await world.stored(topic) if one.partition == number)
        more = [f"more-{n}" for n in range(20)]
        await world.ask(*more)
        await world.ended(*more)
        await world.stop(worker)
        assert (
            max(one.offset for one in await world.stored(topic) if one.partition == number) > place
        )
        kept = world.stores.open(number, 1 << 40)
        assert kept.start <= place
        kept.close()

    play(tmp_path, story)


DAY_S = 24 * 3600


def test_a_folder_from_before_sagas_were_forgotten_does_not_make_them_rise_again(
    tmp_path: Path,
) -> None:
    async def story(world: World) -> None:
        assert isinstance(world, MemoryWorld)
        here = world.stores
        never = asyncio.Event()
        world.desk.tell("reserve_room", "t", waits(never))
        first = await world.start()
        await world.ask("t", *SAGAS)
        await world.ended(*SAGAS)
        await world.until(lambda: all(not p.table.dirty for p in first.loop.parts.values()))
        await world.kill(first)
        world.stores = DiskStores(tmp_path / "elsewhere", {}, most=0)
        second = await world.start()
        await world.ended("t")
        runs = len(world.desk.calls("reserve_room", "t"))
        await asyncio.sleep(8 * DAY_S)
        for count in range(40):
            await world.ask(*(f"later-{count}-{n}" for n in range(10)))
            await asyncio.sleep(1)
        await world.until(lambda: "t" not in world.table())
        await world.stop(second)
        world.broker.compact(world.spec.table_topic)
        world.stores = here
        await world.started(await world.start())
        await asyncio.sleep(60)
        assert "t" not in world.table()
        assert len(world.desk.calls("reserve_room", "t")) == runs
        assert await world.verify() > 0

    play(tmp_path / "here", story)
