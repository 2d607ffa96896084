"""What goes wrong with a record or a handler stays with its saga, on every log."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from minuet.core.state import Status
from minuet.errors import GiveUp, RetryLater
from minuet.event.ids import action_id
from minuet.event.platform import StepResumed
from minuet.event.record import ATTEMPT, BY, ID, NOT_BEFORE, REASON, SLOT, STEP, TYPE
from tests.engines.trips import TripAsked, fails, sleeps, waits
from tests.engines.world import OPTIONS, Play, World

SAGAS = [f"trip-{n}" for n in range(12)]


def incident(world: World, saga: str) -> str:
    state = world.state(saga)
    return next((i.kind for i in state.incidents.values()), "") if state is not None else ""


async def resume(world: World, saga: str) -> None:
    """A person lets the saga's parked slot run again."""
    history = await world.history(saga)
    parked = next(record for record in history if record.type == "StepGaveUp")
    name, slot = parked.text(STEP), parked.slot
    event = StepResumed(step=name, slot=slot, by="ann", reason="the desk is open again")
    headers = [
        (SLOT, slot.encode()), (STEP, name.encode()), (BY, b"ann"), (REASON, b"open"),
    ]  # fmt: skip
    await world.publish(saga, event, headers, id=action_id("StepResumed", parked.id))


def test_a_long_wait_stands_in_the_log_before_the_next_try(play: Play) -> None:
    async def story(world: World) -> None:
        world.desk.tell("reserve_room", "t", fails(RetryLater("full for now", after="1s")))
        await world.start()
        await world.ask("t")
        await world.ended("t")
        history = await world.history("t")
        retrying = next(record for record in history if record.type == "StepRetrying")
        answer = next(record for record in history if record.type == "RoomReserved")
        assert retrying.number(ATTEMPT) == 1
        assert retrying.slot == answer.slot
        assert retrying.time <= retrying.number(NOT_BEFORE) <= answer.time
        assert [v.attempt for v in world.desk.calls("reserve_room")] == [1, 2]
        assert {v.slot for v in world.desk.calls("reserve_room")} == {answer.slot}

    play(story)


def test_a_short_wait_stays_in_the_worker(play: Play) -> None:
    async def story(world: World) -> None:
        again = fails(RetryLater("busy"))
        world.desk.tell("reserve_room", "t", again, again)
        await world.start()
        await world.ask("t")
        await world.ended("t")
        assert "StepRetrying" not in await world.types("t")
        assert [v.attempt for v in world.desk.calls("reserve_room")] == [1, 2, 3]

    play(story)


def test_giving_up_parks_one_saga_and_a_person_resumes_it(play: Play) -> None:
    async def story(world: World) -> None:
        world.desk.tell("charge_card", "t", fails(GiveUp("the card is unknown")))
        await world.start()
        await world.ask("t", *SAGAS)
        await world.ended(*SAGAS)
        await world.until(lambda: incident(world, "t") == "gave-up")
        assert (await world.types("t"))[-1] == "StepGaveUp"
        [letter] = await world.letters()
        assert letter["minuet_step"] == b"charge_card"
        assert letter["minuet_category"] == b"reject"
        assert b"the card is unknown" in letter["minuet_error"]
        await resume(world, "t")
        await world.ended("t")
        slots = {visit.slot for visit in world.desk.calls("charge_card", "t")}
        assert len(slots) == 1
        assert (await world.types("t"))[-1] == "SagaCompleted"

    play(story)


def test_a_bug_in_a_handler_is_tried_again_and_then_parked(play: Play) -> None:
    async def story(world: World) -> None:
        bug = fails(KeyError("room"))
        world.desk.tell("reserve_seat", "t", bug, bug, bug)
        await world.start()
        await world.ask("t")
        await world.until(lambda: incident(world, "t") == "gave-up")
        [letter] = await world.letters()
        assert letter["minuet_category"] == b"bug"
        assert len(world.desk.calls("reserve_seat")) == 3

    play(story)


def test_an_unreadable_value_is_rejected_and_the_partition_moves_on(play: Play) -> None:
    async def story(world: World) -> None:
        await world.start()
        await world.publish("t", TripAsked(trip_id="t"), value=b"\x00\x00\x00\x00\x01\xff")
        await world.until(lambda: incident(world, "t") == "rejected")
        after = next(saga for saga in SAGAS if world.partition(saga) == world.partition("t"))
        await world.ask(after)
        await world.ended(after)
        assert await world.types("t") == ["TripAsked", "RecordRejected"]
        begin, rejected = await world.history("t")
        [letter] = await world.letters()
        assert letter[ID] == begin.id.encode()
        assert letter["minuet_category"] == b"poison"
        assert rejected.number("ce_rejects") == begin.offset
        assert world.desk.calls("reserve_room", "t") == []

    play(story)


def test_a_record_without_headers_is_a_dead_letter_and_changes_no_saga(play: Play) -> None:
    async def story(world: World) -> None:
        await world.start()
        await world.put("t", b"what is this", [])
        await world.put("t", b"and this", [(TYPE, b"TripAsked")])
        await world.ask("t")
        await world.ended("t")
        await world.stop(world.workers[0])
        letters = await world.stored(world.spec.dead_letter_topic)
        assert {letter.value for letter in letters} == {b"what is this", b"and this"}
        assert await world.verify() == 1

    play(story)


def test_a_slow_handler_holds_up_no_other_saga(play: Play) -> None:
    async def story(world: World) -> None:
        gate = asyncio.Event()
        slow = next(saga for saga in SAGAS if world.partition(saga) == world.partition("t"))
        world.desk.tell("reserve_room", slow, waits(gate))
        await world.start()
        await world.ask(*SAGAS, "t")  # the slow one is before `t` in its partition
        others = [saga for saga in (*SAGAS, "t") if saga != slow]
        await world.ended(*others)
        state = world.state(slow)
        assert state is not None
        assert state.status is Status.RUNNING
        assert len(world.desk.calls("reserve_room", slow)) == 1
        gate.set()
        await world.ended(slow)

    play(story)


def test_what_waits_for_a_place_pauses_reading_until_half_is_done(play: Play) -> None:
    async def story(world: World) -> None:
        gate = asyncio.Event()
        for saga in SAGAS:
            world.desk.tell("reserve_room", saga, waits(gate))
            world.desk.tell("reserve_seat", saga, waits(gate))
        worker = await world.start()
        await world.started(worker)
        await world.ask(*SAGAS)
        await world.until(lambda: worker.log.pauses > 0)
        assert len(world.desk.visits) <= 2
        before = worker.log.resumes
        gate.set()
        await world.ended(*SAGAS)
        assert worker.log.resumes > before

    play(story, options=replace(OPTIONS, in_flight=2, window=4))


def test_a_handler_that_times_out_is_tried_again(play: Play) -> None:
    async def story(world: World) -> None:
        world.policy("reserve_seat", timeout_ms=50)
        world.desk.tell("reserve_seat", "t", sleeps(3600))
        await world.start()
        await world.ask("t")
        await world.ended("t")
        assert len(world.desk.calls("reserve_seat")) == 2

    play(story)
