"""A table that is deleted while the group's position stays: it is made again from the log."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from minuet.engines import virtual_time
from tests.engines.memory_world import MemoryWorld
from tests.engines.test_contract_rebuild import SAGAS, is_fold, no_effect_twice, settled
from tests.engines.trips import waits
from tests.engines.world import OPTIONS, Play, World

_QUICK = replace(OPTIONS, grace_s=0.2)  # a handler that never ends is not waited for


async def without_table(world: World) -> None:
    """Sagas that ended, one that waits, and a stop; then their table is gone."""
    world.desk.tell("charge_card", "t", waits(asyncio.Event()))
    worker = await world.start()
    await world.ask("t", *SAGAS)
    await world.ended(*SAGAS)
    await world.called("charge_card", "t")
    await settled(world)
    await world.stop(worker)
    await world.empty(world.spec.table_topic)
    assert await world.stored(world.spec.table_topic) == []


def test_live_sagas_go_on_and_every_row_is_there_again(play: Play) -> None:
    async def story(world: World) -> None:
        await without_table(world)
        worker = await world.start()
        await world.ended("t")
        await world.started(worker)
        await settled(world)
        assert (await world.types("t"))[-1] == "SagaCompleted"
        assert await is_fold(world) == len(SAGAS) + 1
        await world.verify()
        await no_effect_twice(world, SAGAS)
        await world.stop(worker)
        again = await world.start()
        await world.started(again)
        assert len(world.table()) == len(SAGAS) + 1

    play(story, options=_QUICK)


@pytest.mark.parametrize("actions", range(1, 40, 3))
def test_who_dies_amid_it_leaves_nothing_unknown(actions: int) -> None:
    async def main() -> None:
        world = MemoryWorld(options=_QUICK)
        await without_table(world)
        dead = asyncio.Event()
        worker = await world.start()
        worker.log.log.crash_after(actions, dead.set)  # type: ignore[attr-defined]
        await dead.wait()
        world.workers.remove(worker)
        worker.loop.abandon()
        await world.started(await world.start())
        await world.ended("t")
        await settled(world)
        assert await is_fold(world) == len(SAGAS) + 1
        await no_effect_twice(world, SAGAS)
        await world.close()

    virtual_time.run(main())
