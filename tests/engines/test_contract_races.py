"""An answer races its timeout, by 2 ms to either side: one of the two tries counts, never both.

RACES sets how many sagas race; the second try says something else in half of them.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from dataclasses import replace

from minuet.simulation.history import Told, told
from minuet.simulation.judge import judge_sagas
from tests.engines.trips import Act, returns
from tests.engines.world import Play, World

RACES = int(os.environ.get("RACES", "400"))
TIMEOUT_MS, APART_MS = 250, 2
AT_ONCE = 100


def after(seconds: float, answer: bool) -> Act:
    async def act() -> bool:
        await asyncio.sleep(seconds)
        return answer

    return act


def test_an_answer_at_the_moment_of_its_timeout_counts_once_or_not_at_all(play: Play) -> None:
    async def story(world: World) -> None:
        dice = random.Random(RACES)
        retry = replace(world.workflow.steps["reserve_seat"].spec.retry, first_ms=1)
        world.policy("reserve_seat", timeout_ms=TIMEOUT_MS, retry=retry)
        sagas = [f"trip-{number}" for number in range(RACES)]
        for saga in sagas:
            when = TIMEOUT_MS + dice.uniform(-APART_MS, APART_MS)
            first, second = dice.choice([(True, True), (True, False), (False, True)])
            world.desk.tell("reserve_seat", saga, after(when / 1000, first), returns(second))
        await world.started(await world.start(), await world.start())
        for start in range(0, RACES, AT_ONCE):
            await world.ask(*sagas[start : start + AT_ONCE])
            await world.ended(*sagas[start : start + AT_ONCE])
        await asyncio.sleep(1)  # what came too late to end anything
        await world.ended(*sagas)
        log = await world.stored(world.spec.log_topic)
        found = told(world.spec, log)
        assert set(found) == set(sagas)
        assert [str(each) for each in judge_sagas(world.spec, found, [])] == []
        assert await world.verify() == RACES
        kinds = Counter(kind for saga in found.values() for kind in raced(world, saga))
        assert min(kinds[kind] for kind in ("once", "twice", "stray", "failed")) > 0, kinds

    play(story)


def raced(world: World, saga: Told) -> list[str]:
    """How the race went: how many tries there were, and what became of their answers."""
    tries = len(world.desk.calls("reserve_seat", saga.key))
    kinds = ["once" if tries == 1 else "twice"]
    return kinds + ["stray"] * bool(saga.strays) + ["failed"] * (saga.failed is not None)
