"""An answer that comes after the timeout is appended, not dropped, on every log."""

from __future__ import annotations

import asyncio

import pytest

from minuet.core.state import Status
from minuet.errors import GiveUp
from tests.engines.test_contract_trouble import incident, resume
from tests.engines.trips import CardStolen, NoSuchRoom, fails, refuses, returns, waits, when
from tests.engines.world import Play, World

SOON_MS = 30


def statuses(world: World, saga: str) -> tuple[Status, int]:
    """How a saga stands, and how many strays it has seen."""
    state = world.state(saga)
    assert state is not None
    return state.status, state.counts.get("strays", 0)


async def seen(world: World, saga: str, event: str, times: int = 1) -> None:
    """Wait until a saga has so many events of a type."""
    while (await world.types(saga)).count(event) < times:
        await asyncio.sleep(0.01)


def test_the_answer_of_a_try_that_was_too_late_is_the_answer(play: Play) -> None:
    async def story(world: World) -> None:
        first, second = asyncio.Event(), asyncio.Event()
        world.policy("reserve_seat", timeout_ms=SOON_MS)
        world.desk.tell("reserve_seat", "t", waits(first), waits(second))
        await world.start()
        await world.ask("t")
        await world.called("reserve_seat", "t", 2)
        first.set()
        await world.ended("t")
        second.set()
        await seen(world, "t", "SeatReserved", 2)
        await world.ask("u")
        await world.ended("t", "u")
        assert statuses(world, "t") == (Status.COMPLETED, 0)  # the same id changes nothing
        assert len({visit.slot for visit in world.desk.calls("reserve_seat", "t")}) == 1

    play(story)


def test_what_answers_late_while_the_slot_waits_ends_the_wait(play: Play) -> None:
    async def story(world: World) -> None:
        first = asyncio.Event()
        policy = world.workflow.steps["reserve_seat"].spec.retry
        world.policy("reserve_seat", timeout_ms=SOON_MS, retry=type(policy)(60_000, 1.0))
        world.desk.tell("reserve_seat", "t", waits(first))
        await world.start()
        await world.ask("t")
        await seen(world, "t", "StepRetrying")
        first.set()
        await world.ended("t")
        assert len(world.desk.calls("reserve_seat", "t")) == 1

    play(story)


@pytest.mark.parametrize("late", ["SeatRefused", "SeatReserved"])
def test_an_answer_that_comes_late_and_second_is_a_stray_and_is_undone(
    play: Play, late: str
) -> None:
    async def story(world: World) -> None:
        first = asyncio.Event()
        reserves = late == "SeatReserved"
        world.policy("reserve_seat", timeout_ms=SOON_MS)
        world.desk.tell("reserve_seat", "t", when(first, reserves), *([refuses()] * reserves))
        await world.start()
        await world.ask("t")
        await world.ended("t")
        first.set()
        await seen(world, "t", late)
        if reserves:
            await seen(world, "t", "SeatReleased")
        await world.ended("t")
        wanted = Status.COMPENSATED if reserves else Status.COMPLETED
        assert statuses(world, "t") == (wanted, 1)

    play(story)


def test_a_late_answer_of_a_parked_slot_closes_its_incident(play: Play) -> None:
    async def story(world: World) -> None:
        first = asyncio.Event()
        world.policy("reserve_seat", timeout_ms=SOON_MS)
        world.desk.tell("reserve_seat", "t", waits(first), fails(GiveUp("no")))
        await world.start()
        await world.ask("t")
        await world.until(lambda: incident(world, "t") == "gave-up")
        first.set()
        await world.ended("t")
        assert statuses(world, "t") == (Status.COMPLETED, 0)

    play(story)


def test_what_answers_late_in_a_failing_saga_is_undone(play: Play) -> None:
    async def story(world: World) -> None:
        first, never = asyncio.Event(), asyncio.Event()
        world.policy("reserve_seat", timeout_ms=SOON_MS)
        world.desk.tell("reserve_seat", "t", waits(first), waits(never))
        world.desk.tell("reserve_room", "t", when(first, False))
        await world.start()
        await world.ask("t")
        await world.called("reserve_seat", "t", 2)
        first.set()
        await world.ended("t")
        types = await world.types("t")
        assert types.count("SeatReleased") == types.count("SeatReserved") == 1
        assert statuses(world, "t")[0] is Status.COMPENSATED

    play(story)


@pytest.mark.parametrize(
    ("error", "category"), [(CardStolen("0002"), b"reject"), (NoSuchRoom("9999"), b"poison")]
)
def test_the_table_of_the_workflow_says_what_is_never_tried_again(
    play: Play, error: Exception, category: bytes
) -> None:
    async def story(world: World) -> None:
        world.desk.tell("charge_card", "t", fails(error))
        await world.start()
        await world.ask("t")
        await world.until(lambda: incident(world, "t") == "gave-up")
        [letter] = await world.letters()
        assert letter["minuet_category"] == category
        assert len(world.desk.calls("charge_card", "t")) == 1
        gave_up = (await world.history("t"))[-1]
        told = world.codec.decode(gave_up.type, gave_up.headers["ce_dataschema"], gave_up.value)
        assert getattr(told, "category") == category.decode()  # noqa: B009

    play(story)


LARGE = "".join(str(n * n) for n in range(4_000))
TAKES = 4_000  # bytes: small events, no large ones


@pytest.mark.parametrize("tries", [1, 2])
def test_an_answer_that_kafka_does_not_take_parks_its_slot_and_a_second_one_stops_no_worker(
    play: Play, tries: int
) -> None:
    async def story(world: World) -> None:
        first, second = asyncio.Event(), asyncio.Event()
        await world.limit(world.spec.log_topic, TAKES)
        world.policy("reserve_room", timeout_ms=SOON_MS if tries == 2 else 60_000)
        acts = [when(first, LARGE), when(second, LARGE)][:tries]
        world.desk.tell("reserve_room", "t", *acts, waits(asyncio.Event()))
        await world.start()
        await world.ask("t")
        await world.called("reserve_room", "t", tries)
        first.set()
        second.set()
        await world.until(lambda: incident(world, "t") == "gave-up")
        [letter, *_] = await world.letters()
        assert (letter["minuet_step"], letter["minuet_category"]) == (b"reserve_room", b"reject")
        world.desk.tell("reserve_room", "t")
        await resume(world, "t")
        await world.ask("u")
        await world.ended("t", "u")

    play(story)


def test_a_smaller_answer_that_comes_late_ends_the_wait_for_a_person(play: Play) -> None:
    async def story(world: World) -> None:
        first = asyncio.Event()
        await world.limit(world.spec.log_topic, TAKES)
        world.policy("reserve_room", timeout_ms=SOON_MS)
        world.desk.tell("reserve_room", "t", waits(first), returns(LARGE))
        await world.start()
        await world.ask("t")
        await world.until(lambda: incident(world, "t") == "gave-up")
        first.set()
        await world.ended("t")
        assert statuses(world, "t") == (Status.COMPLETED, 0)

    play(story)
