"""Which rows are worth unpacking, and what an incident tells of itself."""

from __future__ import annotations

import pytest

from minuet.core.plan import compile_plan
from minuet.core.row import unpack
from minuet.inspection.incidents import KINDS, may_have_incidents, of_state
from tests.unit.action.situations import SITUATIONS


@pytest.mark.parametrize("name", SITUATIONS)
def test_a_row_with_incidents_is_never_passed_over(name: str) -> None:
    order = SITUATIONS[name]()
    row = order.row()
    assert bool(unpack(compile_plan(order.spec), order.key, row).incidents) <= may_have_incidents(
        row
    )


def test_a_reason_that_is_empty_does_not_hide_an_incident() -> None:
    order = SITUATIONS["parked"]()
    (incident,) = order.state.incidents.values()
    assert incident.reason == ""
    assert may_have_incidents(order.row())


@pytest.mark.parametrize("name", ["placed", "waiting", "completed", "compensated", "failed"])
def test_rows_without_incidents_are_passed_over_unread(name: str) -> None:
    assert not may_have_incidents(SITUATIONS[name]().row())


def test_every_kind_is_known_and_an_incident_tells_its_attempts() -> None:
    found = [
        each
        for make in SITUATIONS.values()
        for state in [make().state]
        for each in of_state(state, 3)
    ]
    kinds = {each.kind for each in found}
    assert {"gave-up", "rejected", "irreversible", "failed-after-pivot"} <= kinds <= set(KINDS)
    (parked,) = of_state(SITUATIONS["parked"]().state, 3)
    assert (parked.saga, parked.about, parked.attempts) == ("order-1", "reserve_stock", 6)
