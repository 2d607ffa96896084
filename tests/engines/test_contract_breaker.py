"""A circuit breaker stops its step only, on every log."""

from __future__ import annotations

import asyncio

import pytest

from minuet.core.state import Status
from minuet.engines import gates
from minuet.engines.gates import BreakerView
from tests.engines.trips import Act, fails
from tests.engines.world import Play, World

SAGAS = [f"trip-{n}" for n in range(40)]
OPEN_MS = 300


def down(until: asyncio.Event) -> Act:
    """The service resets every connection until the event is set."""

    async def act() -> bool:
        if not until.is_set():
            raise ConnectionResetError
        return True

    return act


def outage(world: World, failures: int = 3, open_ms: int = OPEN_MS) -> asyncio.Event:
    """Let nobody charge a card until the event is set, with a breaker before it."""
    mended = asyncio.Event()
    world.breaker("charge_card", failures, open_ms)
    for saga in SAGAS:
        world.desk.tell("charge_card", saga, *[down(mended)] * 1_000)
    return mended


def view(world: World) -> BreakerView:
    [found] = world.workers[0].loop.breakers()
    return found


def test_while_it_is_open_its_step_waits_and_says_nothing_and_the_others_go_on(
    play: Play,
) -> None:
    async def story(world: World) -> None:
        mended = outage(world)
        worker = await world.start()
        await world.started(worker)
        assert view(world).state == "closed"
        await world.ask(*SAGAS)
        for saga in SAGAS:
            await world.called("reserve_room", saga)
            await world.called("reserve_seat", saga)
        await world.until(lambda: view(world).state == "open")
        await world.until(lambda: view(world).waiting > 20)
        assert view(world).error == "ConnectionResetError"
        await asyncio.sleep(4 * OPEN_MS / 1000)
        waits = [r for r in await world.history() if r.type == "StepRetrying"]
        assert len(waits) <= len(world.desk.calls("charge_card"))
        mended.set()
        await world.ended(*SAGAS)
        assert (view(world).state, view(world).waiting) == ("closed", 0)
        states = {state.status for saga in SAGAS if (state := world.state(saga))}
        assert states == {Status.COMPLETED}
        assert await world.letters() == []

    play(story)


def test_of_those_that_wait_a_bounded_number_is_known_and_the_others_are_found(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gates, "KNOWN_MOST", 4)

    async def story(world: World) -> None:
        mended = outage(world)
        await world.started(await world.start())
        await world.ask(*SAGAS)
        await world.until(lambda: view(world).more)
        for saga in SAGAS:
            await world.called("reserve_room", saga)
        assert view(world).waiting <= 4
        mended.set()
        await world.ended(*SAGAS)

    play(story)


def test_a_worker_that_starts_in_an_outage_finds_out_and_finishes_after_it(play: Play) -> None:
    async def story(world: World) -> None:
        mended = outage(world)
        first = await world.start()
        await world.ask(*SAGAS)
        await world.until(lambda: view(world).state == "open")
        await world.kill(first)
        second = await world.start()
        await world.started(second)
        await world.until(lambda: view(world).state == "open")
        mended.set()
        await world.ended(*SAGAS)

    play(story)


def test_what_fails_while_it_waits_is_not_run(play: Play) -> None:
    async def story(world: World) -> None:
        outage(world, failures=1, open_ms=60_000)
        world.desk.tell("charge_card", "t", *[fails(AssertionError("it ran"))] * 9)
        await world.started(await world.start())
        await world.ask(SAGAS[0])
        await world.until(lambda: view(world).state == "open")
        await world.ask("t")
        await world.until(lambda: view(world).waiting > 0)
        await world.ended("t")
        state = world.state("t")
        assert state is not None
        assert state.status is Status.COMPENSATED
        assert world.desk.calls("charge_card", "t") == []

    play(story, within="1s")
