"""Simulated runs of the shipped workflow: what holds, and that what is taken out is missed."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from minuet.engines.simulated import Happening
from minuet.event.model import Event
from minuet.simulation import (
    Scenario,
    Trial,
    Trouble,
    as_test,
    begin_events,
    run,
    scenario,
    shrink,
    story,
)
from minuet.simulation.scenario import Rows
from minuet.spec.assemble import Workflow
from minuet.spec.project import load
from tests.simulation.mutants import MUTANTS, undoes_from_the_first_on

ROOT = Path(__file__).parents[2]
SAGAS = 8
SEEDS_MOST = 400  # in which every mutant is found; the farthest was at 46


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.WARNING)  # every fault is logged
    yield
    logging.disable(logging.NOTSET)


@cache
def orders() -> tuple[Workflow, list[Event]]:
    workflow = load("orders", ROOT)
    return workflow, begin_events(workflow, ROOT / "examples" / "orders.jsonl")


def trial(seed: int) -> Trial:
    workflow, events = orders()
    return run(workflow, scenario(workflow, seed, SAGAS, len(events)), events)


def test_runs_hold_and_the_faults_hit_sagas_in_flight() -> None:
    hits: Counter[str] = Counter()
    ends: Counter[str] = Counter()
    at_work = 0
    for seed in range(40):
        found = trial(seed)
        assert found.violations == (), seed
        assert found.outcome is not None
        hits += found.hits
        at_work += sum(count > 0 for count in found.in_flight)
        ends.update(state.status.value for state in found.outcome.sagas.values())
    assert {"killed", "silent", "zombie", "ack lost", "append lost", "duplicated"} <= set(hits)
    assert {"crashed", "torn", "compacted"} <= set(hits)
    assert {f"service {what}" for what in ("refused", "dropped", "slow", "late", "changed")} <= set(
        hits
    )
    assert {"completed", "compensated"} <= set(ends)
    assert at_work > 20


def test_a_seed_makes_one_trace_and_a_scenario_is_plain_data() -> None:
    workflow, events = orders()
    first, again = trial(7), trial(7)
    assert first.outcome is not None
    assert again.outcome is not None
    assert first.outcome.digest == again.outcome.digest
    written = Scenario.read(first.scenario.as_json())
    assert written == first.scenario
    from_paper = run(workflow, written, events).outcome
    assert from_paper is not None
    assert from_paper.digest == first.outcome.digest


def test_runs_hold_with_rows_on_disk_and_make_one_trace() -> None:
    workflow, events = orders()
    for seed in range(8):
        drawn = scenario(workflow, seed, SAGAS, len(events))
        on_disk = replace(drawn, rows=Rows(memory=seed % 2, slice=1, pause_ms=2.0))
        first, again = (run(workflow, on_disk, events) for _ in range(2))
        assert first.violations == (), seed
        assert first.outcome is not None
        assert again.outcome is not None
        assert first.outcome.digest == again.outcome.digest


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_guarantee_that_is_taken_out_is_missed(
    mutant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant(monkeypatch)
    failed = (found for seed in range(SEEDS_MOST) if not (found := trial(seed)).ok)
    first = next(failed, None)
    assert first is not None
    told = "\n".join(map(str, first.violations))
    assert not any(name in told for name in ("TypeError", "AttributeError", "NameError")), told


def test_what_fails_is_made_smaller_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    workflow, events = orders()
    undoes_from_the_first_on(monkeypatch)

    def fails(smaller: Scenario) -> bool:
        return "order" in {one.rule for one in run(workflow, smaller, events).violations}

    scenarios = (scenario(workflow, seed, SAGAS, len(events)) for seed in range(SEEDS_MOST))
    failing = next(
        one for one in scenarios if fails(one) and fails(replace(one, trouble=Trouble()))
    )
    small = run(workflow, shrink(failing, fails), events)
    assert len(small.scenario.begins) == 1
    assert (small.scenario.script, small.scenario.trouble) == ((), Trouble())
    told = "\n".join(story(small, small.violations[0].saga))
    assert told.index("ReleaseStock") < told.index("RefundPayment")
    names: dict[str, object] = {}
    exec(as_test(small, "orders"), names)
    with pytest.raises(AssertionError):
        names["test_a_simulated_run_holds"]()  # type: ignore[operator]


def test_a_scenario_without_anybody_left_is_taken_up_by_a_newcomer() -> None:
    workflow, events = orders()
    script = tuple(Happening(10, "kill", number) for number in range(2))
    alone = replace(scenario(workflow, 1, SAGAS, len(events)), script=script)
    found = run(workflow, alone, events)
    assert found.violations == ()
    assert found.outcome is not None
    assert len(found.outcome.sagas) == SAGAS
