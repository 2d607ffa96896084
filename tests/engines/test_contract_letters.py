"""A dead letter is the record as it stood on the log, on every log, or says what it is without."""

from __future__ import annotations

import asyncio

import pytest

from minuet.engines.compose import shortened
from minuet.engines.course import Stored
from minuet.engines.log import Append
from minuet.errors import GiveUp, UsageError
from tests.engines.test_contract_trouble import incident
from tests.engines.trips import TripAsked, VoucherTaken, fails, when
from tests.engines.world import Play, World

FOREIGN = [("traceparent", b"00-1-2-01"), ("x-tenant", b"blue"), ("x-tenant", b"\xff\x00")]
UNREADABLE = bytes(range(256)) * 80


async def only(world: World, topic: str, saga: str) -> Stored:
    """The one record of a saga on a topic, once it is there."""
    while True:
        key = saga.encode()
        found = [one for one in await world.stored(topic) if one.key == key]
        if found:
            assert len(found) == 1
            return found[0]
        await asyncio.sleep(0.01)


async def is_the_record(world: World, saga: str, original: Stored, category: bytes) -> None:
    letter = await only(world, world.spec.dead_letter_topic, saga)
    whole = len(original.headers)
    assert (letter.key, letter.value) == (original.key, original.value)
    assert letter.headers[:whole] == original.headers
    ours = dict(letter.headers[whole:])
    assert all(name.startswith("minuet_") for name in ours)
    place = f"{world.spec.log_topic}/{original.partition}/{original.offset}"
    assert ours["minuet_category"] == category
    assert ours["minuet_source"] == place.encode()
    assert ours["minuet_source_time"] == str(original.time).encode()
    assert "minuet_left_out" not in ours


def test_a_step_that_gave_up_leaves_the_record_it_worked_on(play: Play) -> None:
    async def story(world: World) -> None:
        world.desk.tell("reserve_room", "t", fails(GiveUp("no")))
        await world.publish("t", TripAsked(trip_id="t"), FOREIGN)
        original = await only(world, world.spec.log_topic, "t")
        await world.start()
        await world.until(lambda: incident(world, "t") == "gave-up")
        await is_the_record(world, "t", original, b"reject")

    play(story)


def test_a_value_that_cannot_be_read_is_left_as_it_came(play: Play) -> None:
    async def story(world: World) -> None:
        await world.publish("t", TripAsked(trip_id="t"), FOREIGN, value=UNREADABLE)
        original = await only(world, world.spec.log_topic, "t")
        await world.start()
        await world.until(lambda: incident(world, "t") == "rejected")
        await is_the_record(world, "t", original, b"poison")

    play(story)


def test_an_event_whose_saga_never_began_is_left_as_it_came(play: Play) -> None:
    async def story(world: World) -> None:
        world.early(1)
        await world.start()
        await world.publish("t", VoucherTaken(trip_id="t"), FOREIGN, id="voucher")
        original = await only(world, world.spec.log_topic, "t")
        await world.until(lambda: world.state("t") is not None)
        await asyncio.sleep(0.05)
        await world.ask("t")
        await world.ended("t")
        await is_the_record(world, "t", original, b"early")

    play(story)


def test_what_retention_has_removed_is_told_from_the_row(play: Play) -> None:
    async def story(world: World) -> None:
        gate = asyncio.Event()
        world.desk.tell("charge_card", "t", when(gate, True), fails(GiveUp("no")))
        world.policy("charge_card", timeout_ms=60_000)
        await world.publish("t", TripAsked(trip_id="t"), FOREIGN)
        original = await only(world, world.spec.log_topic, "t")
        worker = await world.start()
        await world.called("charge_card", "t")
        before = (await world.history("t"))[-1].offset + 1
        part = worker.loop.parts[original.partition]
        await world.until(lambda: part.position == part.committed >= before)  # read, not only said
        await world.kill(worker)
        await world.forget(world.spec.log_topic, original.partition, before)
        await world.start()
        await world.until(lambda: incident(world, "t") == "gave-up")
        letter = await only(world, world.spec.dead_letter_topic, "t")
        headers = dict(letter.headers)
        assert headers["minuet_left_out"] == b"headers"
        assert headers["ce_type"] in (b"RoomReserved", b"SeatReserved")
        assert letter.value

    play(story)


@pytest.mark.parametrize(
    ("takes", "left_out"),
    [(6_000, b"value (20480 bytes)"), (2_000, b"value (20480 bytes),headers")],
)
def test_a_letter_that_is_too_large_keeps_what_fits_and_says_what_it_is_without(
    play: Play, takes: int, left_out: bytes
) -> None:
    async def story(world: World) -> None:
        await world.limit(world.spec.dead_letter_topic, takes)
        more = [*FOREIGN, ("x-much", UNREADABLE[:3_000])]
        await world.publish("t", TripAsked(trip_id="t"), more, value=UNREADABLE)
        await world.start()
        await world.until(lambda: incident(world, "t") == "rejected")
        letter = await only(world, world.spec.dead_letter_topic, "t")
        headers = dict(letter.headers)
        assert headers["minuet_left_out"] == left_out
        assert ("x-much" in headers) == (takes == 6_000)
        assert (letter.key, headers["ce_type"]) == (b"t", b"TripAsked")
        assert headers["minuet_category"] == b"poison"

    play(story)


def test_where_no_letter_fits_at_all_there_is_an_incident_and_the_worker_goes_on(
    play: Play,
) -> None:
    async def story(world: World) -> None:
        await world.limit(world.spec.dead_letter_topic, 200)
        await world.put("t", b"no headers", [])
        await world.publish("t", TripAsked(trip_id="t"), value=UNREADABLE)
        await world.start()
        await world.until(lambda: incident(world, "t") == "rejected")
        await world.ask("u")
        await world.ended("u")
        await world.stop(world.workers[0])
        assert await world.letters() == []
        assert await world.verify() == 2  # and nothing holds up the commit

    play(story)


def test_a_letter_whose_record_cannot_be_asked_for_is_written_from_the_row(play: Play) -> None:
    async def story(world: World) -> None:
        world.desk.tell("reserve_room", "t", fails(GiveUp("no")))
        await world.publish("t", TripAsked(trip_id="t"), FOREIGN)
        worker = await world.start()

        async def refused(*_: object) -> None:
            message = "there is no such topic"  # as metadata may say while a broker restarts
            raise UsageError(message)

        worker.log.records = refused  # type: ignore[attr-defined]
        await world.until(lambda: incident(world, "t") == "gave-up")
        letter = await only(world, world.spec.dead_letter_topic, "t")
        assert dict(letter.headers)["minuet_left_out"] == b"headers"

    play(story)


@pytest.mark.parametrize("odd", [b"\xff", None])
def test_a_letter_is_shortened_whatever_its_record_has_in_our_headers(odd: bytes | None) -> None:
    headers = [("minuet_left_out", odd), ("x-more", b"x")]
    letter = Append("letters", 0, b"t", b"value", headers)  # type: ignore[arg-type]
    less = shortened(letter)
    assert less is not None
    assert (less.value, dict(less.headers)["x-more"]) == (None, b"x")
