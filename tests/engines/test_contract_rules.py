"""Sentences of the rules that only a loop can break: what is first, what is never done twice."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from minuet.engines import virtual_time
from minuet.engines.model_broker import Faults
from minuet.errors import GiveUp
from minuet.event.record import TYPE
from tests.engines.memory_world import MemoryWorld
from tests.engines.test_contract_edges import stored
from tests.engines.test_contract_trouble import incident
from tests.engines.trips import TripAsked, fails, waits
from tests.engines.world import Play, Worker, World

SAGAS = [f"trip-{n}" for n in range(24)]


def kinds(worker: Worker) -> list[str]:
    """The types of what a worker wanted to append, and may not yet."""
    return [dict(one.headers)[TYPE].decode() for one in worker.log.held]


async def the_letter_alone(world: World, worker: Worker, kind: str) -> None:
    """A crash between a dead letter and its event."""
    worker.log.holds = {kind}
    worker.log.append(worker.log.held[0])
    await world.until(lambda: kind in kinds(worker))
    [letter] = await world.letters()
    assert kind not in await world.types("t")
    await world.kill(worker)
    await world.start()
    await world.until(lambda: incident(world, "t") != "")
    assert await world.letters() == [letter]


async def never_apart(world: World, worker: Worker, kind: str) -> None:
    """A crash before a dead letter that has its event with it: no other can be between them."""
    [letter] = worker.log.held
    assert letter.then is not None
    assert dict(letter.then.headers)[TYPE].decode() == kind
    await world.kill(worker)
    assert await world.letters() == []
    assert kind not in await world.types("t")
    await world.start()
    await world.until(lambda: incident(world, "t") != "")
    assert len(await world.letters()) == 1


@pytest.mark.parametrize("kind", ["StepGaveUp", "RecordRejected"])
def test_the_dead_letter_is_first_and_a_crash_behind_it_makes_no_other(
    play: Play, kind: str
) -> None:
    async def story(world: World) -> None:
        no = fails(GiveUp("no"))
        world.desk.tell("reserve_room", "t", no, no)
        worker = await world.start()
        worker.log.holds = {kind, "TripAsked"}  # the letter has the type of its record
        value = b"\x00\x00\x00\x00\x01\xff" if kind == "RecordRejected" else b""
        await world.publish("t", TripAsked(trip_id="t"), value=value)
        await world.until(lambda: "TripAsked" in kinds(worker))
        assert kinds(worker) == ["TripAsked"]
        if worker.log.log.atomic:
            await never_apart(world, worker, kind)
        else:
            await the_letter_alone(world, worker, kind)
        assert (await world.types("t")).count(kind) == 1

    play(story)


def test_a_group_whose_offsets_have_expired_reads_from_the_beginning(play: Play) -> None:
    async def story(world: World) -> None:
        never = asyncio.Event()
        world.desk.tell("charge_card", "t", waits(never))
        worker = await world.start()
        await world.ask("t", *SAGAS[:6])
        await world.ended(*SAGAS[:6])
        await world.called("charge_card", "t")
        await world.until(lambda: stored(world))
        before = world.table()
        await world.kill(worker)
        await world.expire()
        await world.ask("u")  # while nobody is there
        await world.started(await world.start())
        await world.ended("t", "u", *SAGAS[:6])
        after = world.table()
        assert all(after[saga] == before[saga] for saga in SAGAS[:6])
        assert len(world.desk.calls("reserve_room")) == 8

    play(story)


def test_an_append_whose_result_is_unknown_is_repeated_and_no_handler_runs_again() -> None:
    async def main() -> None:
        faults = Faults(ack_lost=0.25, append_lost=0.25, duplicated=0.1)
        world = MemoryWorld(faults=faults)
        worker = await world.start()
        await world.started(worker)
        await world.ask(*SAGAS)
        await world.ended(*SAGAS)
        calls = Counter((visit.step, visit.saga) for visit in world.desk.visits)
        assert set(calls.values()) == {1}
        assert len(calls) == 5 * len(SAGAS)
        assert min(world.broker.hits[name] for name in ("ack lost", "append lost")) > 10
        strays = [state.counts.get("strays", 0) for saga in SAGAS if (state := world.state(saga))]
        assert strays == [0] * len(SAGAS)
        await world.close()

    virtual_time.run(main())


def test_nothing_is_committed_past_a_row_that_is_not_acked(play: Play) -> None:
    async def story(world: World) -> None:
        worker = await world.start()
        await world.started(worker)
        part = worker.loop.parts[world.partition("t")]
        number = part.number
        at = worker.log.committed.get(number)
        worker.log.holds = {""}  # rows have no type
        await world.ask("t")
        await world.ended("t")
        await world.until(lambda: len(worker.log.held) > 0)
        assert worker.log.committed.get(number) == at != part.position
        worker.log.holds = set()
        held, worker.log.held = worker.log.held, []
        for one in held:
            worker.log.append(one)
        if worker.log.log.atomic:  # it says this of a position that went with rows in vain
            worker.loop.uncommitted([number])
        await world.until(lambda: worker.log.committed.get(number) == part.position)

    play(story)
