"""Virtual time: it jumps to the next moment, and says so when there is none."""

from __future__ import annotations

import asyncio

import pytest

from minuet.engines import virtual_time
from minuet.engines.virtual_time import START_MS, NothingToDo


def test_a_day_of_sleep_passes_at_once_and_moves_the_clock() -> None:
    async def main() -> int:
        await asyncio.sleep(24 * 3600)
        return virtual_time.running().now_ms()

    assert virtual_time.run(main()) == START_MS + 24 * 3600 * 1000


def test_sleepers_wake_in_the_order_of_their_times() -> None:
    woken = []

    async def sleeper(seconds: float) -> None:
        await asyncio.sleep(seconds)
        woken.append(seconds)

    async def main() -> None:
        await asyncio.gather(*(sleeper(seconds) for seconds in (3, 1, 2, 0.5)))

    virtual_time.run(main())
    assert woken == [0.5, 1, 2, 3]


def test_waiting_for_what_nobody_does_is_an_error_and_not_a_hang() -> None:
    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(NothingToDo, match="nothing is left to do"):
        virtual_time.run(main())


def test_quiet_is_when_no_timer_is_left() -> None:
    done: list[str] = []

    async def main() -> None:
        asyncio.get_running_loop().call_later(5, done.append, "timer")
        await virtual_time.running().quiet()
        done.append("quiet")

    virtual_time.run(main())
    assert done == ["timer", "quiet"]


def test_elsewhere_there_is_no_virtual_time() -> None:
    async def main() -> None:
        virtual_time.running()

    with pytest.raises(TypeError, match="virtual time only"):
        asyncio.run(main())
