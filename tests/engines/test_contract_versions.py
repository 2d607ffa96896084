"""What becomes of a saga in flight when its workflow changes, on every log."""

from __future__ import annotations

import asyncio

from minuet.event.record import MIGRATES, WORKFLOW_VERSION
from tests.engines.trips import when
from tests.engines.world import Play, World

ASKED_FOR = ("ReleaseRoom", "ReleaseSeat")
UNDONE = ("RoomReleased", "SeatReleased")


async def changed_meanwhile(world: World, *, migrates: bool) -> None:
    """A saga waits for its card while a version is released that undoes all at once."""
    declined = asyncio.Event()
    world.desk.tell("charge_card", "old", when(declined, False), when(declined, False))
    first = await world.start()
    await world.ask("old")
    await world.called("charge_card", "old")
    await world.kill(first)
    world.release(parallel_undo=True, migrates=migrates)
    await world.start()
    await world.called("charge_card", "old", 2)
    declined.set()
    await world.ended("old")


def undo_order(types: list[str]) -> list[str]:
    """`?` for each undo that is asked for, `!` for each that is done."""
    return ["?" if each in ASKED_FOR else "!" for each in types if each in (*ASKED_FOR, *UNDONE)]


def test_a_saga_finishes_under_the_version_that_it_began_with(play: Play) -> None:
    async def story(world: World) -> None:
        await changed_meanwhile(world, migrates=False)
        assert undo_order(await world.types("old")) == ["?", "!", "?", "!"]
        gate = asyncio.Event()
        gate.set()
        world.desk.tell("charge_card", "new", when(gate, False))
        await world.ask("new")
        await world.ended("new")
        assert undo_order(await world.types("new"))[:2] == ["?", "?"]
        await world.stop(world.workers[0])
        assert await world.verify() == 2

    play(story)


def test_a_rule_takes_it_to_the_version_of_now_by_an_event(play: Play) -> None:
    async def story(world: World) -> None:
        before = world.spec.version
        await changed_meanwhile(world, migrates=True)
        history = await world.history("old")
        assert undo_order([record.type for record in history])[:2] == ["?", "?"]
        (moved,) = [record for record in history if record.type == "SagaMigrated"]
        assert moved.text(MIGRATES) == before
        assert moved.text(WORKFLOW_VERSION) == world.spec.version
        await world.stop(world.workers[0])
        assert await world.verify() == 1

    play(story)


def test_a_step_that_cannot_answer_for_an_older_version_is_not_run_for_it(play: Play) -> None:
    async def story(world: World) -> None:
        gate = asyncio.Event()
        world.desk.tell("charge_card", "old", when(gate, True))
        first = await world.start()
        await world.ask("old")
        await world.called("charge_card", "old")
        await world.kill(first)
        world.release()
        world.policy("charge_card", says=("CardCharged", "CardDeclined", "CardHeld"))
        await world.started(await world.start())
        await world.ask("new")
        await world.ended("new")
        assert len(world.desk.calls("charge_card", "old")) == 1
        state = world.state("old")
        assert state is not None
        assert not state.status.ended

    play(story)
