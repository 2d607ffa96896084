"""What a saga may count on, on every log: outcomes, joins, undos, deadlines."""

from __future__ import annotations

import asyncio

from minuet.core.state import Status
from minuet.event.record import SLOT
from tests.engines.trips import TripExpired, VoucherTaken, refuses, waits
from tests.engines.world import Play, World, causes, ids

SAGAS = [f"trip-{n}" for n in range(20)]
SOON = "3s"  # a deadline that passes, and not before a busy machine has come to the step before it


def test_sagas_on_four_partitions_and_two_workers_complete(play: Play) -> None:
    async def story(world: World) -> None:
        first, second = await world.start(), await world.start()
        await world.started(first, second)
        await world.ask(*SAGAS)
        await world.ended(*SAGAS)
        assert {world.partition(saga) for saga in SAGAS} == {0, 1, 2, 3}
        assert {
            saga: len(world.desk.calls("charge_card", saga)) for saga in SAGAS
        } == dict.fromkeys(SAGAS, 1)
        await world.stop(first)
        await world.stop(second)
        for saga in SAGAS:
            types = await world.types(saga) if saga in SAGAS[:2] else []
            assert not types or types[-1] == "SagaCompleted"
        assert await world.verify() == len(SAGAS)

    play(story)


def test_a_failed_saga_is_undone_in_reverse_order(play: Play) -> None:
    async def story(world: World) -> None:
        # Nothing is to be undone before the card was asked for.
        world.desk.tell("charge_card", "t", refuses())
        await world.start()
        await world.ask("t")
        await world.ended("t")
        types = await world.types("t")
        done = [t for t in types if t in ("RoomReserved", "SeatReserved")]
        undone = [t for t in types if t in ("RoomReleased", "SeatReleased")]
        opposite = {"RoomReserved": "RoomReleased", "SeatReserved": "SeatReleased"}
        assert undone == [opposite[t] for t in reversed(done)]
        first, second = (types.index(t) for t in undone)
        requests = [n for n, t in enumerate(types) if t in ("ReleaseRoom", "ReleaseSeat")]
        assert requests[0] < first < requests[1] < second
        assert types[-1] == "SagaCompensated"

    play(story)


def test_a_step_with_two_needs_runs_once_when_both_have_happened(play: Play) -> None:
    async def story(world: World) -> None:
        gate = asyncio.Event()
        world.desk.tell("reserve_seat", "t", waits(gate))
        await world.start()
        await world.ask("t")
        await world.until(lambda: "RoomReserved" in getattr(world.state("t"), "events", ()))
        assert world.desk.calls("charge_card") == []
        gate.set()
        await world.ended("t")
        history = await world.history("t")
        charged = next(record for record in history if record.type == "CardCharged")
        assert causes(charged) == ids(history, "RoomReserved", "SeatReserved", "TripAsked")
        assert len(world.desk.calls("charge_card")) == 1

    play(story)


def test_of_two_alternatives_the_one_first_in_the_log_counts(play: Play) -> None:
    async def story(world: World) -> None:
        gate = asyncio.Event()
        world.desk.tell("charge_card", "t", waits(gate))
        await world.start()
        await world.ask("t")
        await world.called("charge_card", "t")
        await world.publish("t", VoucherTaken(trip_id="t"))
        await world.called("confirm_trip", "t")
        gate.set()
        await world.ended("t")
        history = await world.history("t")
        ticket = next(record for record in history if record.type == "TicketIssued")
        assert causes(ticket) == ids(history, "TripAsked", "VoucherTaken")
        assert len(world.desk.calls("issue_ticket")) == 1
        assert "CardCharged" in [record.type for record in history]

    play(story)


def test_branches_run_side_by_side(play: Play) -> None:
    async def story(world: World) -> None:
        gate = asyncio.Event()
        world.desk.tell("reserve_room", "t", waits(gate))
        world.desk.tell("reserve_seat", "t", waits(gate))
        await world.start()
        await world.ask("t")
        await world.called("reserve_room", "t")
        await world.called("reserve_seat", "t")
        gate.set()
        await world.ended("t")

    play(story)


def test_events_that_come_before_the_begin_are_held_for_it(play: Play) -> None:
    async def story(world: World) -> None:
        await world.start()
        await world.publish("t", VoucherTaken(trip_id="t"))
        await world.until(lambda: getattr(world.state("t"), "status", "") == Status.EARLY)
        await world.ask("t")
        await world.ended("t")
        history = await world.history("t")
        ticket = next(record for record in history if record.type == "TicketIssued")
        assert causes(ticket) == ids(history, "TripAsked", "VoucherTaken")

    play(story)


def test_the_same_begin_event_twice_is_one_saga(play: Play) -> None:
    async def story(world: World) -> None:
        await world.start()
        await world.ask("t", "t")
        await world.ended("t")
        await world.ask("t")
        await world.until(lambda: getattr(world.state("t"), "counts", {}).get("duplicates") == 2)
        slots = [record.text(SLOT) for record in await world.history("t") if record.slot]
        assert len(slots) == len(set(slots))
        assert len(world.desk.calls("reserve_room")) == 1

    play(story)


def test_a_deadline_fires_and_the_saga_is_undone(play: Play) -> None:
    async def story(world: World) -> None:
        gate = asyncio.Event()
        world.desk.tell("charge_card", "t", waits(gate))
        await world.started(await world.start())
        await world.ask("t", nights=3)
        await world.until(lambda: "TripExpired" in getattr(world.state("t"), "events", ()))
        gate.set()
        await world.ended("t")
        history = await world.history("t")
        assert history[-1].type == "SagaCompensated"
        late = next(record for record in history if record.type == "CardCharged")
        assert "ce_late" in late.headers
        assert "CardRefunded" in [record.type for record in history]
        expired = next(record for record in history if record.type == "TripExpired")
        event = world.codec.decode(expired.type, expired.headers["ce_dataschema"], expired.value)
        assert isinstance(event, TripExpired)
        assert event.nights == 3

    play(story, within=SOON)


def test_a_deadline_does_not_fire_when_its_unless_is_in_the_log(play: Play) -> None:
    async def story(world: World) -> None:
        gate = asyncio.Event()
        after = next(s for s in SAGAS if world.partition(s) == world.partition("t"))
        world.desk.tell("confirm_trip", "t", waits(gate))
        world.desk.tell("charge_card", after, waits(gate))
        await world.started(await world.start())
        await world.ask("t")
        await world.called("confirm_trip", "t")
        await world.ask(after)  # its deadline is later, in the same partition
        await world.until(lambda: "TripExpired" in getattr(world.state(after), "events", ()))
        gate.set()
        await world.ended("t", after)
        assert "TripExpired" not in await world.types("t")
        assert (await world.types("t"))[-1] == "SagaCompleted"

    play(story, within=SOON)
