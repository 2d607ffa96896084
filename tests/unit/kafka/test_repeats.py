"""What a client says over and over."""

from __future__ import annotations

import logging

import pytest

from minuet.kafka import repeats
from minuet.kafka.repeats import AGAIN_AFTER_S, REMEMBERED, Repeats


class Clock:
    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(repeats, "time", clock)
    return clock


def line(text: str) -> logging.LogRecord:
    return logging.LogRecord("minuet.kafka", logging.ERROR, "", 0, "%s", (text,), None)


def test_a_line_is_logged_again_after_a_while_only(clock: Clock) -> None:
    rule = Repeats()
    shown = []
    for clock.now in (0, 1, AGAIN_AFTER_S - 1, AGAIN_AFTER_S, AGAIN_AFTER_S + 1):
        shown.append(rule.filter(line("Connect to a:9092 failed")))
    assert shown == [True, False, False, True, False]


def test_how_long_it_took_makes_no_other_line_and_another_broker_does(clock: Clock) -> None:
    rule = Repeats()
    assert rule.filter(line("Connect to a:9092 failed (after 0ms in state CONNECT)"))
    assert not rule.filter(line("Connect to a:9092 failed (after 3ms in state CONNECT)"))
    assert rule.filter(line("Connect to b:9092 failed (after 0ms in state CONNECT)"))


def test_ever_new_lines_do_not_fill_the_memory(clock: Clock) -> None:
    rule = Repeats()
    assert all(rule.filter(line(f"line {number}")) for number in range(2 * REMEMBERED))
    assert len(rule._logged) <= REMEMBERED
