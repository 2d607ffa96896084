"""Recorded sagas under another version: the same one changes nothing, a seeded change is found."""

from __future__ import annotations

from collections import Counter

import pytest

from minuet.rehearsal.comparison import Change
from minuet.spec.project import load
from tests.unit.rehearsal.histories import recorded, rehearsed, under_faults
from tests.unit.rehearsal.loans import Rules, asked, loans

ASKED = [asked(n, amount=1_000 + 37 * n, income=13 if n % 9 == 4 else 100) for n in range(60)]


@pytest.mark.parametrize("seed", range(40))
def test_the_same_version_differs_in_nothing_whatever_went_wrong(seed: int) -> None:
    history = under_faults(loans(), seed, ASKED, 8)
    found = rehearsed(history, loans(), loans())
    assert found
    assert {s: one for s, one in found.items() if one.kind or one.unknown} == {}


def test_a_changed_limit_is_found_for_exactly_the_sagas_it_touches() -> None:
    history = recorded(loans(), ASKED)
    found = rehearsed(history, loans(), loans(Rules(limit=20)))
    touched = {one.loan_id for one in ASKED if one.amount > 20 * one.income}
    assert 0 < len(touched) < len(ASKED)
    assert {saga for saga, one in found.items() if one.kind} == touched
    ended = Counter((one.before, one.after) for one in found.values() if one.saga in touched)
    assert ended[("completed", "compensated")] > 10
    assert all(not one.unknown for saga, one in found.items() if saga not in touched)


def test_other_inputs_of_a_step_with_resources_are_unknown_and_equal_ones_are_not() -> None:
    history = recorded(loans(), ASKED[:10])
    dearer = Rules(rate=lambda one: 9 if one.amount > 1_200 else 3 + one.amount // 1000)
    found = rehearsed(history, loans(), loans(dearer))
    for one in ASKED[:10]:
        saga = found[one.loan_id]
        if one.amount <= 1_200:
            assert (saga.kind, saga.unknown) == ("", {})
        elif one.income == 13:
            assert saga.kind == "fields"
            assert saga.unknown == {}  # no money was asked for
        else:
            assert Change("LoanRated", "rate", 4, 9) in saga.changes
            assert "reserve_money" in saga.unknown
            assert saga.after == "unknown"
    simulated = rehearsed(history, loans(), loans(dearer), "unknown")
    assert {one.after for one in simulated.values()} <= {"completed", "compensated"}
    assert any("reserve_money" in one.simulated for one in simulated.values())


def test_the_last_rule_changes_fields_and_nothing_else() -> None:
    history = recorded(loans(), ASKED[:10])
    found = rehearsed(history, loans(), loans(Rules(noted=lambda rated, one: 1)))
    kinds = Counter((one.before, one.kind) for one in found.values())
    assert set(kinds) <= {("completed", "fields"), ("compensated", "")}
    assert all(not one.unknown for one in found.values())


def test_a_rule_that_breaks_is_an_incident() -> None:
    history = recorded(loans(), ASKED[:3])
    found = rehearsed(history, loans(), loans(Rules(noted=lambda rated, one: 1 // 0)))
    assert ("completed", "incident") in {(one.before, one.after) for one in found.values()}


@pytest.mark.parametrize("seed", range(20))
def test_the_shipped_workflow_under_faults_differs_in_nothing(seed: int) -> None:
    from minuet.simulation import begin_events
    from tests.integration.parcels import ROOT

    workflow = load("orders", ROOT)
    events = begin_events(workflow, ROOT / "examples" / "orders.jsonl")
    history = under_faults(workflow, seed, events, 8)
    found = rehearsed(history, workflow, workflow)
    assert {s: one for s, one in found.items() if one.kind or one.unknown} == {}
