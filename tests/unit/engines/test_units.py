"""Which groups may be a unit's, and who may work on a shadow's topics."""

from __future__ import annotations

from dataclasses import replace

import pytest

from minuet.engines.units import may_be_a_units
from minuet.engines.worker import Assignment, part_of
from minuet.errors import UsageError
from minuet.spec import project as projects
from tests.installed import ROOT


@pytest.mark.parametrize(
    ("group", "may"),
    [
        ("orders", True),
        ("minuet-team.orders", True),
        ("minuet-benches", True),
        ("minuet-reader.orders", True),
        ("minuet-reader", False),
        ("minuet-bench-0a1b2c3d", False),
    ],
)
def test_only_groups_of_readers_are_no_units(group: str, may: bool) -> None:
    assert may_be_a_units(group) is may


@pytest.mark.parametrize("prefix", ["shadow-friday.", "team-a.shadow-friday."])
def test_a_workflow_with_effects_does_not_run_on_a_shadows_topics(prefix: str) -> None:
    orders = projects.load("orders", ROOT)
    there = replace(orders, spec=replace(orders.spec, prefix=prefix))
    with pytest.raises(UsageError, match="say --shadow friday"):
        part_of(there, Assignment(form="simulated"))
    group = f"{prefix}orders"
    assert part_of(there, Assignment(form="simulated", shadow=True)).group == group


@pytest.mark.parametrize("prefix", ["", "team-a.", "shadow.", "overshadow-friday."])
def test_another_prefix_is_no_shadows(prefix: str) -> None:
    orders = projects.load("orders", ROOT)
    there = replace(orders, spec=replace(orders.spec, prefix=prefix))
    assert part_of(there, Assignment(form="simulated")).group == f"{prefix}orders"
