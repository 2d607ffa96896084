"""What an owner has in hand beside the folded state, and that it stays small."""

from __future__ import annotations

from minuet.bench.reference import saga as reference
from minuet.core.plan import compile_plan
from minuet.engines.log import Position
from minuet.engines.partition import STALE_TIMERS_MOST, Partition

PLAN = compile_plan(reference.workflow().spec)


def part() -> Partition:
    return Partition.of(PLAN, 0, Position(0, 0))


def test_a_timer_that_was_taken_back_does_not_fire() -> None:
    one = part()
    one.arm("a", 10)
    one.arm("b", 20)
    one.disarm("a")
    assert one.fired(30) == ["b"]


def test_timers_of_sagas_that_ended_do_not_pile_up() -> None:
    one = part()
    for n in range(20_000):
        one.arm(f"o-{n}", 10_000 + n)
        one.disarm(f"o-{n}")
    assert len(one._timers) <= STALE_TIMERS_MOST + 1


def test_nobody_waits_for_a_partition_that_was_given_back() -> None:
    import asyncio

    async def story() -> bool:
        one = part()
        one.end()
        return one.until(100).cancelled()

    assert asyncio.run(story())
