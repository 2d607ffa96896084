"""In doubt, in every order of events: the books balance, or an incident says what is not known.

`MINUET_EXPLORE=1` lets two things go wrong in each history instead of one: minutes, not seconds.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest

from minuet.core.due import Doubt, Slot
from tests.properties import every_order
from tests.properties.every_order import World, wrongs

FAULTS = 2 if os.environ.get("MINUET_EXPLORE") else 1


def first_wrong(odd: str, ends: Counter[str]) -> tuple[list[str], list[str]] | None:
    """What is wrong in the first node where something is, and its log."""
    world = World(odd)
    for node, rests in world.nodes(FAULTS):
        if rests:
            if found := wrongs(world, node):
                return found, [said.type for said in node.log]
            state = world.state(node.log)
            ends["incident" if state.incidents else state.status.value] += 1
    return None


@pytest.mark.parametrize("odd", ["hold", "ship"])
def test_the_books_balance_or_a_person_knows_in_every_order(odd: str) -> None:
    ends = Counter[str]()
    assert first_wrong(odd, ends) is None
    assert min(ends["completed"], ends["compensated"], ends["incident"]) > 20


@pytest.mark.parametrize("odd", ["hold", "ship"])
def test_an_effect_that_a_new_owner_takes_for_none_is_missed(
    odd: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def skips(_: Slot, *, owned_since: int, started: bool) -> Doubt:
        return Doubt.RUN if started else Doubt.SKIP

    monkeypatch.setattr(every_order, "doubt", skips)
    assert first_wrong(odd, Counter()) is not None
