"""Workers that come, share, stop, die and come back, on every log."""

from __future__ import annotations

import asyncio

from minuet.core.state import Status
from minuet.errors import GiveUp
from minuet.event.record import SLOT
from tests.engines.test_contract_trouble import incident, resume
from tests.engines.trips import fails, waits
from tests.engines.world import Play, World

SAGAS = [f"trip-{n}" for n in range(16)]


async def each_slot_answered_once(world: World) -> None:
    """No slot has two effective answers, and no outcome came second."""
    for saga in SAGAS:
        state = world.state(saga)
        assert state is not None
        assert state.status.ended
    answers = [r.text(SLOT) for r in await world.history() if r.slot and r.type[:4] != "Step"]
    assert len(set(answers)) == 5 * len(SAGAS)


def test_two_members_share_the_partitions_and_the_one_left_has_all(play: Play) -> None:
    async def story(world: World) -> None:
        first = await world.start()
        await world.started(first)
        await world.ask(*SAGAS[:8])
        second = await world.start()
        await world.started(first, second)
        assert len(first.loop.parts) == len(second.loop.parts) == 2
        await world.ask(*SAGAS[8:])
        await world.ended(*SAGAS)
        await world.stop(first)
        await world.started(second)
        await world.ended(*SAGAS)
        await each_slot_answered_once(world)
        await world.stop(second)
        assert await world.verify() == len(SAGAS)

    play(story)


def test_a_stop_lets_handlers_end_and_loses_nothing(play: Play) -> None:
    async def story(world: World) -> None:
        gate = asyncio.Event()
        for saga in SAGAS:
            world.desk.tell("reserve_room", saga, waits(gate))
        worker = await world.start()
        await world.ask(*SAGAS)
        for saga in SAGAS:
            await world.called("reserve_room", saga)
        stopping = asyncio.ensure_future(world.stop(worker))
        await asyncio.sleep(0)
        gate.set()
        await stopping
        await world.start()
        await world.ended(*SAGAS)
        assert len(world.desk.calls("reserve_room")) == len(SAGAS)
        await each_slot_answered_once(world)

    play(story)


def test_a_worker_that_starts_again_has_the_same_table_and_goes_on(play: Play) -> None:
    async def story(world: World) -> None:
        world.desk.tell("charge_card", "parked", fails(GiveUp("no")))
        worker = await world.start()
        await world.ask("parked", *SAGAS[:8])
        await world.ended(*SAGAS[:8])
        await world.until(lambda: incident(world, "parked") == "gave-up")
        before = world.table()
        await world.stop(worker)
        assert await world.verify() == 9
        again = await world.start()
        await world.started(again)
        assert world.table() == before
        await resume(world, "parked")
        await world.ask(*SAGAS[8:])
        await world.ended("parked", *SAGAS)
        calls = [world.desk.calls("reserve_room", saga) for saga in ("parked", *SAGAS)]
        assert [len(one) for one in calls] == [1] * 17

    play(story)


def test_when_a_worker_dies_another_goes_on_with_what_it_had_in_hand(play: Play) -> None:
    async def story(world: World) -> None:
        first, second = await world.start(), await world.start()
        await world.started(first, second)
        doomed = next(saga for saga in SAGAS if world.owner(saga) is first)
        for saga in SAGAS:
            never = asyncio.Event()
            world.desk.tell("charge_card", saga, *([waits(never)] if saga == doomed else []))
        await world.ask(*SAGAS)
        await world.called("charge_card", doomed)
        await world.kill(first)
        await world.ended(*SAGAS)
        await each_slot_answered_once(world)
        first_call, second_call = world.desk.calls("charge_card", doomed)
        assert first_call.slot == second_call.slot
        await world.stop(second)
        assert await world.verify() == len(SAGAS)

    play(story)


def test_units_with_disjoint_steps_do_a_saga_together(play: Play) -> None:
    async def story(world: World) -> None:
        steps = sorted(world.workflow.steps)
        some, others = steps[:4], steps[4:]
        with_coordinator = await world.start("coordinator", *some)
        await world.start(*others)
        await world.ask(*SAGAS)
        await world.ended(*SAGAS)
        assert {state.status for saga in SAGAS if (state := world.state(saga))} == {
            Status.COMPLETED
        }
        await each_slot_answered_once(world)
        assert len(world.desk.calls("reserve_room")) == len(SAGAS)
        await world.stop(with_coordinator)
        await world.close()
        assert await world.verify() == len(SAGAS)

    play(story)


def test_a_unit_that_comes_later_does_what_has_waited_for_it(play: Play) -> None:
    async def story(world: World) -> None:
        steps = set(world.workflow.steps)
        await world.start("coordinator", *(steps - {"confirm_trip"}))
        await world.ask(*SAGAS)
        for saga in SAGAS:
            await world.called("issue_ticket", saga)
        assert world.desk.calls("confirm_trip") == []
        await world.start("confirm_trip")
        await world.ended(*SAGAS)
        await each_slot_answered_once(world)

    play(story)
