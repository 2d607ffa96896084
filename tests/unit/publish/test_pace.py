"""Not more than so many a second, on a clock that the test moves."""

from __future__ import annotations

from minuet.publish.pace import Pace


def run(pace: Pace, clock: float, until: float) -> list[float]:
    """When events go, if each goes as soon as it may."""
    went = []
    while (clock := clock + max(0.0, pace.wait_s(clock))) < until:
        pace.went(clock)
        went.append(clock)
    return went


def test_events_go_at_the_rate() -> None:
    assert 100 <= len(run(Pace(100), 5.0, 6.0)) <= 112


def test_after_a_pause_no_burst_makes_up_for_it() -> None:
    pace = Pace(100)
    run(pace, 0.0, 1.0)
    assert 100 <= len(run(pace, 60.0, 61.0)) <= 112
