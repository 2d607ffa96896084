"""A worker whose clock is wrong: the log's decides what is in time."""

from __future__ import annotations

import asyncio

from minuet.event.record import Record
from tests.engines.trips import waits
from tests.engines.world import Play, World

HOUR_MS = 3_600_000
SOON = "3s"
SOON_MS = 3_000
APART_MS = 1_000


def times(history: list[Record], event_type: str) -> list[int]:
    return [record.time for record in history if record.type == event_type]


async def expires(world: World, saga: str) -> None:
    """A trip waits for its room for ever, so that its deadline passes."""
    world.desk.tell("reserve_room", saga, waits(asyncio.Event()))
    await world.ask(saga)
    await world.until(lambda: "TripExpired" in getattr(world.state(saga), "events", ()))
    history = await world.history(saga)
    asked, expired = times(history, "TripAsked")[0], times(history, "TripExpired")
    assert expired[-1] >= asked + SOON_MS - APART_MS
    assert len(expired) <= 2, "it is said anew only when the clock is known to be ahead"


def test_a_clock_that_is_ahead_lets_no_deadline_pass_before_its_time(play: Play) -> None:
    async def story(world: World) -> None:
        world.ahead_ms = HOUR_MS
        await world.start()
        await expires(world, "first")
        await expires(world, "second")
        assert len(times(await world.history("second"), "TripExpired")) == 1, "it is known by now"
        world.ahead_ms = 0  # somebody sets it right
        await expires(world, "third")

    play(story, within=SOON)


def test_a_clock_that_is_set_ahead_meanwhile_does_not_either(play: Play) -> None:
    async def story(world: World) -> None:
        await world.start()
        await expires(world, "first")
        world.ahead_ms = HOUR_MS
        await expires(world, "second")

    play(story, within=SOON)
