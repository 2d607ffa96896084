"""Workflows that nobody thought of, in simulated runs, against the judge's reading of the log."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator

import pytest

from minuet.simulation import run, scenario
from tests.simulation.generated import generated
from tests.simulation.mutants import ends_with_slots_in_doubt

WORKFLOWS = 40
SAGAS = 8


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.WARNING)  # every fault is logged
    yield
    logging.disable(logging.NOTSET)


def test_runs_of_generated_workflows_hold() -> None:
    seen: Counter[str] = Counter()
    for seed in range(WORKFLOWS):
        workflow, events = generated(seed)
        found = run(workflow, scenario(workflow, seed, SAGAS, len(events)), events)
        assert found.violations == (), seed
        assert found.outcome is not None
        seen.update(saga.status.value for saga in found.outcome.sagas.values())
        spec = workflow.spec
        seen["pivots"] += bool(spec.pivot)
        seen["undos"] += bool(spec.undo)
        seen["alternatives"] += any(len(types) > 1 for one in spec.steps for types in one.needs)
        seen["joins"] += any(len(one.needs) > 1 for one in spec.steps if len(one.says) > 1)
    kinds = ("completed", "compensated", "pivots", "undos", "alternatives", "joins")
    assert min(seen[kind] for kind in kinds) >= 10, seen


def test_what_is_taken_out_is_missed_there_too(monkeypatch: pytest.MonkeyPatch) -> None:
    ends_with_slots_in_doubt(monkeypatch)
    for seed in range(WORKFLOWS):
        workflow, events = generated(seed)
        if not run(workflow, scenario(workflow, seed, SAGAS, len(events)), events).ok:
            return
    pytest.fail("it was not missed")
