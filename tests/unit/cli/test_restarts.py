"""When a child is started again, after which pause, and when it is given up."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from minuet.children import NOT_LET_IN, NOT_LET_ON
from minuet.cli.processes import Processes
from minuet.cli.restarts import (
    DEATHS_MOST,
    EXPLAINED_MOST_S,
    LIVED_S,
    MOST_S,
    WITHIN_S,
    GiveUp,
    Restarts,
    Worked,
)


def deaths(row: Restarts, count: int, *, explained: bool, lived_s: float = 1.0) -> list[object]:
    return [
        row.died(139, lived_s=lived_s, now=lived_s * number, explained=explained)
        for number in range(count)
    ]


def test_the_pause_grows_and_then_it_is_given_up() -> None:
    *pauses, last = deaths(Restarts(), DEATHS_MOST, explained=False)
    assert pauses == [0.5, 1, 2, 4]
    assert last == GiveUp("it died 5 times within 4 s")


def test_deaths_far_apart_are_started_again_for_ever_and_at_once() -> None:
    assert deaths(Restarts(), 50, explained=False, lived_s=WITHIN_S + 1) == [0.5] * 50


def test_some_deaths_a_minute_have_a_pause_with_a_bound() -> None:
    pauses = deaths(Restarts(), 100, explained=False, lived_s=WITHIN_S / 3)
    assert pauses[-1] == MOST_S


def test_deaths_that_the_breaker_can_explain_are_never_given_up() -> None:
    assert deaths(Restarts(), 50, explained=True)[-1] == EXPLAINED_MOST_S


def test_an_explained_death_after_a_life_has_no_pause() -> None:
    assert deaths(Restarts(), 50, explained=True, lived_s=LIVED_S) == [0] * 50
    assert deaths(Restarts(), 2, explained=True, lived_s=LIVED_S - 1) == [0.5, 1]


def test_a_wrong_setting_is_given_up_at_once() -> None:
    assert isinstance(Restarts().died(2, lived_s=1, now=1, explained=True), GiveUp)


def test_what_worked_waits_for_as_long_as_kafka_does_not_let_it_on() -> None:
    row = Restarts()
    pauses = [row.died(NOT_LET_ON, lived_s=60, now=0, explained=False)]
    pauses += [row.died(NOT_LET_IN, lived_s=3, now=9.0 * n, explained=False) for n in range(20)]
    assert pauses[:4] == [0.5, 1.0, 2.0, 4.0]
    assert pauses[-1] == MOST_S


def test_what_kafka_never_let_in_is_given_up_as_what_dies() -> None:
    row = Restarts()
    for number in range(4):
        row.died(NOT_LET_IN, lived_s=1, now=number, explained=False)
    assert isinstance(row.died(NOT_LET_IN, lived_s=1, now=4, explained=False), GiveUp)


def test_one_without_a_partition_waits_as_long_as_those_that_worked() -> None:
    worked = Worked()
    busy, idle = Restarts(worked=worked), Restarts(worked=worked)
    busy.died(NOT_LET_ON, lived_s=60, now=0, explained=False)
    ends = [idle.died(NOT_LET_IN, lived_s=3, now=9.0 * n, explained=False) for n in range(20)]
    assert ends[-1] == MOST_S


def test_the_children_of_one_supervisor_know_of_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minuet.cli.restarts.FIRST_S", 0.0)
    flag = tmp_path / "worked"
    busy = ["sh", "-c", f"touch {flag}; exit {NOT_LET_ON}"]
    idle = ["sh", "-c", f"until [ -e {flag} ]; do sleep 0.01; done; exit {NOT_LET_IN}"]
    with Processes([busy, idle]) as processes:
        ends = [died.again for died in islice(processes.wait(), 4 * DEATHS_MOST)]
    assert ends == [0.0] * 4 * DEATHS_MOST
