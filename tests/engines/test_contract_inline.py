"""Going on after the ack, without a second read: never from what may not be the answer."""

from __future__ import annotations

import asyncio

import pytest

from minuet.event.ids import action_id, answer_id
from minuet.event.record import BY, CAUSES, DIGEST, SCHEMA, SLOT, STEP, base_headers
from tests.engines.trips import RoomRefused, VoucherTaken, refuses, waits, when
from tests.engines.world import Play, Worker, World

PARTITIONS = [0, 1, 2, 3]


async def stand_still(worker: Worker) -> None:
    """Have a worker read nothing more for now."""
    worker.log.pause(PARTITIONS)
    await worker.log.high_watermark(0)  # asked in turn: by then they are paused


async def said(world: World, saga: str, kind: str) -> None:
    """Wait until an event stands on the log, read or not."""
    while kind not in await world.types(saga):
        await asyncio.sleep(0.01)


async def read(world: World, saga: str, *kinds: str) -> None:
    """Wait until the owner of a saga has read these."""

    def all_read() -> bool:
        state = world.state(saga)
        return state is not None and all(kind in state.events for kind in kinds)

    await world.until(all_read)


async def redo(world: World, saga: str) -> None:
    """A person begins a new round of a saga that was compensated."""
    begin, *_, end = await world.history(saga)
    headers = base_headers(action_id("SagaRedone", end.id), "SagaRedone", b"/test", world.now_ms())
    headers += [(name, begin.headers[name]) for name in (SCHEMA, DIGEST)]
    await world.put(saga, begin.value, [*headers, (CAUSES, begin.id.encode()), (BY, b"ann")])


def test_a_step_goes_on_after_the_ack_without_a_second_read_but_not_past_an_alternative(
    play: Play,
) -> None:
    async def story(world: World) -> None:
        gate = asyncio.Event()
        world.desk.tell("reserve_room", "t", waits(gate))
        world.desk.tell("reserve_seat", "t", waits(gate))
        worker = await world.start()
        await world.started(worker)
        await world.ask("t")
        await world.called("reserve_room", "t")
        await world.called("reserve_seat", "t")
        await stand_still(worker)
        gate.set()
        await world.called("charge_card", "t")
        await said(world, "t", "CardCharged")
        assert world.desk.calls("issue_ticket") == []
        worker.log.resume(PARTITIONS)
        await world.ended("t")
        assert len(world.desk.calls("charge_card")) == 1

    play(story)


def test_nothing_goes_on_from_an_answer_that_another_one_was_before(play: Play) -> None:
    async def story(world: World) -> None:
        worker = await world.start()
        await world.started(worker)
        worker.log.holds = {"RoomReserved"}
        await world.ask("t")
        await world.publish("t", VoucherTaken(trip_id="t"))  # so that a refusal fails no saga
        await world.until(lambda: bool(worker.log.held))
        await read(world, "t", "SeatReserved", "TicketIssued")
        [ours] = worker.log.held
        headers = [pair for pair in ours.headers if pair[0] in (SLOT, STEP, CAUSES)]
        slot = dict(headers)[SLOT].decode()
        zombies = answer_id(slot, "RoomRefused")
        await world.publish("t", RoomRefused(why="full"), headers, id=zombies)
        await read(world, "t", "RoomRefused")
        worker.log.holds = set()
        await stand_still(worker)
        worker.log.append(ours)
        await world.until(lambda: "RoomReserved" in worker.log.acked)
        worker.log.resume(PARTITIONS)
        await read(world, "t", "ReleaseRoom")  # a stray, which is undone
        assert world.desk.calls("charge_card") == []

    play(story)


def test_nothing_goes_on_from_an_answer_of_a_round_that_is_over(play: Play) -> None:
    async def story(world: World) -> None:
        gate = asyncio.Event()
        world.desk.tell("reserve_seat", "t", refuses())
        world.desk.tell("reserve_room", "t", when(gate, True), waits(gate))
        worker = await world.start()
        await world.started(worker)
        worker.log.holds = {"RoomReserved"}
        gate.set()
        await world.ask("t")
        await world.until(lambda: bool(worker.log.held))
        gate.clear()
        [ours] = worker.log.held
        record = (ours.topic, ours.partition, ours.key, ours.value or b"", ours.headers)
        await world.produce(*record)  # it is written, but its ack is lost
        await world.ended("t")
        await redo(world, "t")
        await read(world, "t", "SeatReserved")
        worker.log.holds = set()
        await stand_still(worker)
        worker.log.append(ours)
        await world.until(lambda: "RoomReserved" in worker.log.acked)
        worker.log.resume(PARTITIONS)
        gate.set()
        await world.ended("t")
        [charged] = world.desk.calls("charge_card")
        [answer] = [one for one in await world.history("t") if one.type == "CardCharged"]
        assert charged.slot == answer.slot

    play(story)


@pytest.mark.parametrize("wait_ms", [20, 2_000], ids=["in the worker", "on the log"])
def test_nothing_goes_on_after_the_late_answer_of_an_earlier_try(play: Play, wait_ms: int) -> None:
    async def story(world: World) -> None:
        first, second = asyncio.Event(), asyncio.Event()
        policy = world.workflow.steps["reserve_room"].spec.retry
        world.policy("reserve_room", timeout_ms=500, retry=type(policy)(wait_ms, 1.0))
        world.desk.tell("reserve_room", "t", when(first, False), waits(second))
        worker = await world.start()
        await world.started(worker)
        await world.ask("t")
        await world.called("reserve_room", "t", 2)
        await read(world, "t", "SeatReserved")
        await stand_still(worker)
        first.set()
        await said(world, "t", "RoomRefused")
        second.set()
        await world.until(lambda: "RoomReserved" in worker.log.acked)
        worker.log.resume(PARTITIONS)
        await world.ended("t")
        assert world.desk.calls("charge_card") == []

    play(story)
