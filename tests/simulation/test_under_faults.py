"""`minuet.testing.under_faults`: a workflow's own test, in simulated runs."""

from __future__ import annotations

import logging

import pytest

from minuet.errors import UsageError
from minuet.testing import under_faults
from tests.simulation.mutants import undoes_from_the_first_on
from tests.simulation.test_simulation_runs import orders


def test_it_says_what_happened_and_leaves_the_logs_as_they_were() -> None:
    workflow, events = orders()
    happened = under_faults(workflow, events, seeds=12)
    assert happened["killed"] > 3
    assert happened["service dropped"] > 3
    assert logging.root.manager.disable == logging.NOTSET


def test_fewer_events_are_fewer_sagas_and_none_is_a_mistake() -> None:
    workflow, events = orders()
    assert under_faults(workflow, events[:2], seeds=3)
    with pytest.raises(UsageError, match="no events"):
        under_faults(workflow, [])


def test_a_run_that_does_not_hold_is_told_as_a_story(monkeypatch: pytest.MonkeyPatch) -> None:
    undoes_from_the_first_on(monkeypatch)
    workflow, events = orders()
    with pytest.raises(AssertionError) as failed:
        under_faults(workflow, events, seeds=100)
    first, violation, *told = str(failed.value).splitlines()
    assert first.startswith("seed ")
    assert violation.startswith("  order: ")
    assert sum("OrderPlaced" in line for line in told) >= 1
    assert len(told) > 5
