"""An owner that was silent for longer than its session, and reads on before it learns of it."""

from __future__ import annotations

import asyncio
import time
from typing import cast

import pytest

from minuet.core.state import Status
from minuet.engines import native_member, unstarted, virtual_time
from minuet.engines.memory import MemoryLog
from minuet.engines.native import KafkaLog
from minuet.engines.silence import Silence
from minuet.errors import BrokerError
from minuet.kafka.connection import Connection
from tests.engines import native_world
from tests.engines.memory_world import MemoryWorld
from tests.engines.test_in_doubt import cancel, saga
from tests.engines.trips import Act
from tests.engines.world import Play, Worker, World

CANCELLED_MS = 20
SLOW_S = 30.0  # longer than the session
SEEDS = range(25)  # of how much is read at once: sometimes both, the begin event and the failure


def slowly() -> Act:
    async def act() -> bool:
        await asyncio.sleep(SLOW_S)
        return True

    return act


def log_of(worker: Worker) -> MemoryLog:
    return cast(MemoryLog, worker.log.log)


async def taken_over(world: MemoryWorld) -> Worker:
    """A worker falls silent, and another one starts a step of a saga that is cancelled then."""
    world.policy("reserve_room", timeout_ms=60_000)
    silent = await world.start()
    await world.started(silent)
    log_of(silent).freeze()
    owner = await world.start()
    await world.started(owner)
    world.desk.tell("reserve_room", saga(CANCELLED_MS), slowly())
    await world.ask(saga(CANCELLED_MS))
    await cancel(world, CANCELLED_MS)
    return silent


def test_who_came_back_does_not_say_that_nobody_started_what_the_owner_did() -> None:
    async def main(seed: int) -> None:
        world = MemoryWorld(seed=seed)
        silent = await taken_over(world)
        await world.called("reserve_room", saga(CANCELLED_MS))
        log_of(silent).thaw()
        await world.time.quiet()
        types = await world.types(saga(CANCELLED_MS))
        assert types.count("RoomReserved") == types.count("RoomReleased") == 1, (seed, types)
        state = world.state(saga(CANCELLED_MS))
        assert state is not None
        assert state.status is Status.COMPENSATED
        await world.close()

    for seed in SEEDS:
        virtual_time.run(main(seed))


def test_a_group_that_does_not_answer_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []

    async def main() -> None:
        world = MemoryWorld()
        worker = await world.start()
        await world.started(worker)
        log, loop = log_of(worker), asyncio.get_running_loop()
        real = log.is_member

        async def twice_in_vain() -> bool:
            asked.append(loop.time())
            if len(asked) == 1:
                message = "no answer"
                raise BrokerError(message)
            return len(asked) > 2 and await real()

        monkeypatch.setattr(log, "is_member", twice_in_vain)
        log.pause(range(world.spec.partitions))  # so that all is read at once
        await world.ask(saga(0))
        await cancel(world, 0)
        log.resume(range(world.spec.partitions))
        await world.time.quiet()
        assert "StepSkipped" in await world.types(saga(0))
        await world.close()

    virtual_time.run(main())
    assert len(asked) == 3
    assert asked[2] - asked[0] >= 2 * unstarted.ASK_AGAIN_S


def test_that_nobody_started_it_has_no_effect_once_a_successor_has() -> None:
    """It was on its way when its worker died, and reaches the log late."""

    async def main() -> None:
        world, one = MemoryWorld(), saga(0)
        world.desk.tell("reserve_room", one, slowly())
        first = await world.start()
        await world.started(first)
        first.log.holds.add("StepSkipped")
        log_of(first).pause(range(world.spec.partitions))  # so that all is read at once
        await world.ask(one)
        await cancel(world, 0)
        log_of(first).resume(range(world.spec.partitions))
        await world.until(lambda: len(first.log.held) == 2)
        await world.kill(first)
        second = await world.start()
        await world.called("reserve_room", one)
        for late in first.log.held:
            await world.put(one, late.value or b"", late.headers)
        await world.kill(second)  # nobody but the service knows of the room
        await world.start()
        await world.time.quiet()
        types = await world.types(one)
        assert types.count("RoomReserved") == types.count("RoomReleased") == 1, types
        assert len(world.desk.calls("reserve_room", one)) == 2
        state = world.state(one)
        assert state is not None
        assert state.status is Status.COMPENSATED
        await world.close()

    virtual_time.run(main())


def test_who_came_back_starts_nothing_before_it_learns_that_it_was_expelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main(seed: int) -> None:
        world = MemoryWorld(seed=seed)
        world.policy("reserve_room", timeout_ms=60_000)
        silent = await world.start()
        await world.started(silent)
        log_of(silent).freeze()
        await world.started(await world.start())  # the other one is no more in its group
        world.desk.tell("reserve_room", "t", slowly())
        await world.ask("t")
        await world.called("reserve_room", "t")
        log, begun = log_of(silent), list[int]()
        lost = log._lost

        def learns() -> None:
            begun.append(len(world.desk.calls("reserve_room", "t")))
            lost()

        monkeypatch.setattr(log, "_lost", learns)
        assert not log.was_silent()  # it does not know that it was
        log.thaw()
        await world.until(lambda: bool(begun))
        assert begun == [1], seed  # by the other one
        await asyncio.sleep(SLOW_S)
        await world.ended("t")
        await world.started(*world.workers)
        await world.ask(*(f"more-{n}" for n in range(9)))
        await world.ended(*(f"more-{n}" for n in range(9)))
        assert not log_of(silent).was_silent()
        await world.close()

    for seed in SEEDS:
        virtual_time.run(main(seed))


def test_after_a_silence_nothing_is_started_before_the_group_was_asked(
    kafka: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    async def story(world: World) -> None:
        worker = await world.start()
        await world.started(worker)
        log = cast(KafkaLog, worker.log.log)
        real = log.is_member

        async def in_vain_at_first() -> bool:
            asked.append(await real())
            assert world.desk.calls("reserve_room", "t") == []
            return len(asked) > 1 and asked[-1]

        now = [time.monotonic()]
        log._member.silence = Silence(native_member.SESSION_S, lambda: now[0])
        assert not log.was_silent()
        monkeypatch.setattr(worker.log, "is_member", in_vain_at_first, raising=False)
        now[0] += native_member.SESSION_S + 1  # as after SIGSTOP and SIGCONT
        assert log.was_silent()
        await world.ask("t")
        await world.ended("t")
        assert not log.was_silent()
        await world.ask("u")
        await world.ended("u")

    native_world.play(kafka, story)
    assert asked == [True, True]


def test_standing_still_is_known_until_the_group_was_asked_after_it() -> None:
    now = [100.0]
    silence = Silence(6.0, lambda: now[0])
    for _ in range(5):
        now[0] += 5.9
        silence.turn()
        assert not silence.lasts
    now[0] += 6.1
    assert silence.lasts  # who asks wakes up before the thread that takes turns
    before = silence.turn()
    assert silence.lasts
    now[0] += 6.1  # it stands still once more, between being asked and hearing the answer
    silence.turn()
    silence.over(before)
    assert silence.lasts
    silence.over(silence.turn())
    assert not silence.lasts


def test_a_member_knows_whether_it_is_one(play: Play) -> None:
    async def story(world: World) -> None:
        first = await world.start()
        await world.started(first)
        second = await world.start()
        await world.started(first, second)
        assert await first.log.is_member()
        assert await second.log.is_member()

    play(story)
