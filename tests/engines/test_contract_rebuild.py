"""A table that is made anew from the log: while workers run, after they died, twice at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from minuet.core.row import pack, unpack
from minuet.core.state import State, Status
from minuet.core.table import Table
from minuet.engines import virtual_time
from minuet.engines.model_broker import Faults
from minuet.event.rebuild import Rebuild, headers_of
from minuet.event.record import SLOT
from tests.engines.memory_world import MemoryWorld
from tests.engines.trips import sleeps, waits
from tests.engines.world import OPTIONS, Play, World

SAGAS = [f"trip-{n}" for n in range(24)]
_QUICK = replace(OPTIONS, grace_s=0.2)  # a handler that never ends is not waited for


async def spoil(world: World, saga: str, row: bytes | None) -> None:
    """Write a row behind the owner's back."""
    number, key = world.partition(saga), saga.encode()
    await world.produce(world.spec.table_topic, number, key, row, [])  # type: ignore[arg-type]


async def changed(world: World, saga: str, change: Callable[[State], None]) -> bytes:
    """The row of a saga as the log says, and then otherwise."""
    table = Table(world.plan)
    for record in await world.history(saga):
        state = table.fold(record)
    state = unpack(world.plan, saga, pack(world.plan, state))
    change(state)
    return pack(world.plan, state)


async def ask(world: World, *sagas: str) -> dict[int, int]:
    """Ask for a table made anew, or for these sagas; return where the requests stand."""
    found = {}
    numbers = {world.partition(saga) for saga in sagas} or range(world.spec.partitions)
    for number in numbers:
        headers = headers_of(Rebuild("me", "test", frozenset(sagas) or None), world.now_ms())
        await world.produce(world.spec.log_topic, number, b"", b"", headers)
    for one in await world.stored(world.spec.log_topic):
        if not one.key:
            found[one.partition] = one.offset
    return found


async def done(world: World, asked: dict[int, int]) -> None:
    """Wait until the position has passed every request."""

    def passed() -> bool:
        parts = [part for worker in world.workers for part in worker.loop.parts.values()]
        at = {part.number: part.committed for part in parts}
        return all(at.get(number, -1) > offset for number, offset in asked.items())

    await world.until(passed)


async def is_fold(world: World) -> int:
    """Load the stored rows as a start does, and see that they are the fold of the log."""
    loaded = [Table(world.plan) for _ in range(world.spec.partitions)]
    for one in await world.stored(world.spec.table_topic):
        loaded[one.partition].load(one.key.decode(), one.value)
    folded = [Table(world.plan) for _ in range(world.spec.partitions)]
    for record in await world.history():
        folded[world.partition(record.key)].fold(record)
    count = 0
    for ours, theirs in zip(loaded, folded, strict=True):
        assert not ours.unreadable
        assert sorted(ours.keys()) == sorted(theirs.keys())
        for key in theirs.keys():  # noqa: SIM118
            mine, right = ours.get(key), theirs.get(key)
            assert mine is not None
            assert right is not None
            assert pack(world.plan, mine) == pack(world.plan, right), key
            count += 1
    return count


async def settled(world: World) -> None:
    """Wait until all that stands on the log has been folded and stored, the last record too."""
    ends = {one.partition: one.offset for one in await world.stored(world.spec.log_topic)}
    await done(world, ends)


async def no_effect_twice(world: World, sagas: list[str]) -> None:
    """Each slot has one answer, and each handler ran for it once."""
    slots = [r.text(SLOT) for r in await world.history() if r.slot and r.type[:4] != "Step"]
    assert Counter(slots).most_common(1)[0][1] == 1
    for saga in sagas:
        assert {len(world.desk.calls(name, saga)) for name in ("reserve_room", "charge_card")} == {
            1
        }


def late(state: State) -> None:
    state.log_offset += 1
    state.status = Status.COMPENSATED


def failed(state: State) -> None:
    state.status = Status.COMPENSATED


def test_rows_of_somebody_else_are_put_right_while_a_worker_runs(play: Play) -> None:
    async def story(world: World) -> None:
        worker = await world.start()
        await world.ask(*SAGAS)
        await world.ended(*SAGAS)
        await settled(world)
        await spoil(world, SAGAS[0], await changed(world, SAGAS[0], failed))
        await spoil(world, SAGAS[1], b"")
        await spoil(world, SAGAS[2], None)
        await spoil(world, SAGAS[3], await changed(world, SAGAS[3], late))
        await spoil(world, "nobody", await changed(world, SAGAS[3], late))
        await done(world, await ask(world))
        await settled(world)
        assert await is_fold(world) == len(SAGAS)
        await no_effect_twice(world, SAGAS)
        await world.stop(worker)
        await world.started(await world.start())
        assert await is_fold(world) == len(SAGAS)
        assert sorted(world.table()) == sorted(SAGAS)

    play(story)


def test_what_a_worker_believed_of_its_start_is_put_right_and_goes_on(play: Play) -> None:
    async def story(world: World) -> None:
        never = asyncio.Event()
        world.desk.tell("charge_card", "t", waits(never))
        worker = await world.start()
        await world.ask("t")
        await world.called("charge_card", "t")
        await settled(world)
        await world.stop(worker)
        await spoil(world, "t", await changed(world, "t", failed))
        await world.started(await world.start())
        state = world.state("t")
        assert state is not None
        assert state.status is Status.COMPENSATED  # as it was told
        await done(world, await ask(world, "t"))
        await world.ended("t")
        assert (await world.types("t"))[-1] == "SagaCompleted"
        await settled(world)
        assert await is_fold(world) == 1

    play(story, options=_QUICK)


def test_it_goes_on_under_load_and_every_effect_is_one(play: Play) -> None:
    async def story(world: World) -> None:
        first, second = await world.start(), await world.start()
        await world.started(first, second)
        for saga in SAGAS:
            world.desk.tell("reserve_seat", saga, sleeps(0.05))
        await world.ask(*SAGAS[:12])
        await world.ended(*SAGAS[:3])
        await spoil(world, SAGAS[0], await changed(world, SAGAS[0], failed))
        asked = await ask(world)
        await world.ask(*SAGAS[12:])
        asked |= await ask(world)  # two who ask at once
        await world.ended(*SAGAS)
        await done(world, asked)
        await settled(world)
        assert await is_fold(world) == len(SAGAS)
        await no_effect_twice(world, SAGAS)

    play(story)


def test_a_request_is_fulfilled_by_who_starts_next_before_anything_is_done(play: Play) -> None:
    async def story(world: World) -> None:
        worker = await world.start()
        await world.ask(*SAGAS)
        await world.ended(*SAGAS)
        await settled(world)
        await world.stop(worker)
        for saga in SAGAS[:8]:
            await spoil(world, saga, await changed(world, saga, failed))
        asked = await ask(world)
        await world.started(await world.start())
        assert await is_fold(world) == len(SAGAS)
        await done(world, asked)
        await no_effect_twice(world, SAGAS)

    play(story)


def test_bytes_that_are_no_row_are_made_anew_without_being_asked(play: Play) -> None:
    async def story(world: World) -> None:
        never = asyncio.Event()
        world.desk.tell("charge_card", "a", waits(never))
        world.desk.tell("charge_card", "b", waits(never))
        worker = await world.start()
        await world.ask("a", "b")
        await world.called("charge_card", "a")
        await world.called("charge_card", "b")
        await settled(world)
        await world.stop(worker)
        right = await changed(world, "b", lambda _: None)
        await spoil(world, "a", b"")
        await spoil(world, "b", right[: len(right) // 2])
        stranger = next(s for s in SAGAS if world.partition(s) == world.partition("b"))
        await spoil(world, stranger, right[: len(right) // 2])
        await world.start()
        await world.ended("a", "b")
        await settled(world)
        assert await is_fold(world) == 2
        for saga in "ab":
            assert (await world.types(saga))[-1] == "SagaCompleted"

    play(story, options=_QUICK)


def test_who_dies_in_the_middle_leaves_it_to_the_next(play: Play) -> None:
    async def story(world: World) -> None:
        if not isinstance(world, MemoryWorld):
            return  # only there can be said when
        worker = await world.start()
        await world.ask(*SAGAS)
        await world.ended(*SAGAS)
        await settled(world)
        for actions in range(1, 60, 7):
            for saga in SAGAS[:8]:
                await spoil(world, saga, await changed(world, saga, late))
            dead = asyncio.Event()
            log = worker.log.log
            log.crash_after(actions, dead.set)  # type: ignore[attr-defined]
            asked = await ask(world)
            await dead.wait()
            world.workers.remove(worker)
            worker.loop.abandon()
            worker = await world.start()
            await world.started(worker)
            assert await is_fold(world) == len(SAGAS)
            await done(world, asked)
        await no_effect_twice(world, SAGAS)

    play(story)


def test_only_the_sagas_that_are_named_are_written(play: Play) -> None:
    async def story(world: World) -> None:
        await world.start()
        await world.ask(*SAGAS)
        await world.ended(*SAGAS)
        await settled(world)
        before = Counter(one.key for one in await world.stored(world.spec.table_topic))
        await done(world, await ask(world, SAGAS[0], SAGAS[1], "nobody"))
        after = Counter(one.key for one in await world.stored(world.spec.table_topic))
        named = {saga.encode() for saga in (SAGAS[0], SAGAS[1], "nobody")}
        assert (after - before).keys() <= named
        assert await is_fold(world) == len(SAGAS)

    play(story)


def test_where_the_log_lost_its_beginning_rows_of_what_began_there_stay(play: Play) -> None:
    async def story(world: World) -> None:
        await world.start()
        await world.ask(*SAGAS)
        await world.ended(*SAGAS)
        await settled(world)
        before = world.table()
        for number in range(world.spec.partitions):
            await world.forget(world.spec.log_topic, number, 2)
        await done(world, await ask(world))
        assert world.table() == before
        rows = [Table(world.plan) for _ in range(world.spec.partitions)]
        for one in await world.stored(world.spec.table_topic):
            rows[one.partition].load(one.key.decode(), one.value)
        assert sum(len(table) for table in rows) == len(SAGAS)

    play(story)


@pytest.mark.parametrize("seed", range(8))
def test_lost_and_doubled_appends_leave_the_table_whole(seed: int) -> None:
    faults = Faults(duplicated=0.1, ack_lost=0.1, append_lost=0.1)

    async def main() -> None:
        world = MemoryWorld(seed=seed, faults=faults)
        await world.start()
        await world.ask(*SAGAS)
        await world.ended(*SAGAS[:12])
        for saga in SAGAS[:12]:
            await spoil(world, saga, await changed(world, saga, late))
        await done(world, await ask(world))
        await world.ended(*SAGAS)
        await settled(world)
        assert await is_fold(world) == len(SAGAS)
        await world.close()

    virtual_time.run(main())
