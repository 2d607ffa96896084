"""A circuit breaker: when it opens, who is let through, and what closes it."""

from __future__ import annotations

from typing import Any, cast

import pytest

from minuet.core.settle import Failure
from minuet.engines.breaker import Breaker, Circuit
from minuet.engines.partition import Run
from minuet.engines.verdict import Ended
from minuet.spec.model import BreakerSpec
from tests.engines.trips import SeatReserved

DOWN = Failure("retry", "reset")
ANSWER = SeatReserved(seat="s")
AT = 1_000


def breaker(most: int = 10) -> Breaker:
    return Breaker(BreakerSpec("desk", 3, 500), most, 0)


def run() -> Run:
    nothing = cast(Any, None)
    return Run(nothing, "t", nothing, True)


def through(one: Breaker, ended: Ended, at: int = AT) -> bool:
    """Let a run through that ends so."""
    new = run()
    one.let_through(new)
    return one.ended(new, ended, at)


def opened() -> Breaker:
    one = breaker()
    assert [through(one, DOWN) for _ in range(3)] == [False, False, True]
    return one


def half_open() -> Breaker:
    one = opened()
    one.half_open(AT + 500)
    return one


def test_failures_in_a_row_open_it_and_nothing_is_let_through() -> None:
    one = opened()
    assert (one.circuit, one.since, one.failures, one.error) == (Circuit.OPEN, AT, 3, "reset")
    assert not one.has_room
    assert (one.left_ms(AT + 100), one.left_ms(AT + 900)) == (400, 0)


@pytest.mark.parametrize("ended", [ANSWER, Failure("reject", ""), Failure("poison", "")])
def test_what_shows_that_the_service_is_there_ends_the_row(ended: Ended) -> None:
    one = breaker()
    for what in (DOWN, DOWN, ended, DOWN, DOWN):
        through(one, what)
    assert (one.circuit, one.failures) == (Circuit.CLOSED, 2)


def test_a_bug_of_the_step_says_nothing_of_the_service() -> None:
    one = breaker()
    for what in (DOWN, DOWN, Failure("bug", ""), DOWN):
        through(one, what)
    assert one.circuit is Circuit.OPEN


def test_one_probe_at_a_time_is_let_through_half_open() -> None:
    one = half_open()
    first, second = run(), run()
    assert one.has_room
    one.let_through(first)
    assert not one.has_room
    assert not one.is_stopped(first)
    assert one.is_stopped(second)


@pytest.mark.parametrize(
    ("ended", "after"),
    [
        (ANSWER, Circuit.CLOSED),
        (Failure("reject", ""), Circuit.CLOSED),
        (DOWN, Circuit.OPEN),
        (Failure("bug", ""), Circuit.HALF_OPEN),
    ],
)
def test_how_the_probe_ends_decides(ended: Ended, after: Circuit) -> None:
    one = half_open()
    through(one, ended, AT + 700)
    assert one.circuit is after
    assert one.since == (AT + 500 if after is Circuit.HALF_OPEN else AT + 700)
    assert one.probe is None


def test_what_began_before_it_opened_decides_nothing() -> None:
    one = breaker()
    old, older = run(), run()
    one.let_through(old)
    one.let_through(older)
    for _ in range(3):
        through(one, DOWN)
    assert not one.ended(old, ANSWER, AT)
    one.half_open(AT + 500)
    assert not one.ended(older, DOWN, AT + 600)
    assert (one.circuit, one.since, one.running) == (Circuit.HALF_OPEN, AT + 500, set())


def test_a_probe_that_is_dropped_makes_room_for_another() -> None:
    one = half_open()
    first = run()
    one.let_through(first)
    one.dropped(first)
    assert one.has_room


def test_a_service_that_hangs_leaves_places_to_others() -> None:
    one = breaker(most=2)
    for _ in range(2):
        assert one.has_room
        one.let_through(run())
    assert not one.has_room
