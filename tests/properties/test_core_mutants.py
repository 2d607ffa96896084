"""A rule that is taken out must be missed: each mutant of the core fails in some history."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from minuet.core import decide, due, entries, fold, outcomes, plan, row, state, table
from minuet.core.due import Doubt, Slot
from minuet.core.plan import Plan, PlannedStep, Role
from minuet.core.state import Entry, Place, State
from minuet.event.record import Record
from tests.properties.test_every_order import first_wrong
from tests.unit.core import world
from tests.unit.core.audit import check, check_rows
from tests.unit.core.world import lived

HISTORIES = 1_000

Patch = pytest.MonkeyPatch


def ignores_strays(patch: Patch) -> None:
    """Rule 1: what came second is dropped, not undone."""
    patch.setattr(outcomes, "stray", lambda plan, state, record: state.count("strays"))


def takes_the_last(patch: Patch) -> None:
    """Rule 1: the last record of a slot is its answer."""
    patch.setattr(outcomes, "came_second", lambda state, record: False)


def goes_on_from_strays(patch: Patch) -> None:
    """Rule 1: an outcome of an ineffective cause is taken for a good one."""

    def came_second(state: State, record: Record) -> bool:
        return record.slot in state.answers or record.type in state.events

    patch.setattr(outcomes, "came_second", came_second)


def folds_duplicates(patch: Patch) -> None:
    """Rule 1: a known id is folded again."""
    patch.setattr(fold, "_is_known", lambda plan, state, record: False)


def acts_again(patch: Patch) -> None:
    """Rule 2: a renamed step runs though its outcome is effective."""
    planned = plan._planned

    def without(*args: Any) -> PlannedStep:
        return replace(planned(*args), excludes=0)

    patch.setattr(plan, "_planned", without)


def fails_behind_the_completion(patch: Patch) -> None:
    """Rule 3: a fail event behind the completion, or the pivot, fails the saga."""

    def fail(plan: Plan, state: State, record: Record) -> None:
        state.status = state.status.FAILING
        state.failed_by, state.failed_offset = record.id, record.offset

    patch.setattr(outcomes, "fail", fail)
    patch.setattr(fold, "fail", fail)


def doubts_nothing(patch: Patch) -> None:
    """Rule 4: a failing saga does not wait for what may have started."""
    patch.setattr(due, "may_have_started", lambda step, state, causes: False)


def skips_what_an_earlier_owner_started(patch: Patch) -> None:
    """Rule 4: whoever did not start it says that nobody did."""

    def doubt(slot: Slot, *, owned_since: int, started: bool) -> Doubt:
        return Doubt.RUN if started else Doubt.SKIP

    patch.setattr(world, "doubt", doubt)


def does_not_undo_what_is_late(patch: Patch) -> None:
    """Rule 5: a late outcome is kept, and not undone."""

    def entry_of(record: Record, place: Place) -> Entry:
        entry = taken(record, place)
        if place is Place.LATE:
            entry.type = "Forgotten"
        return entry

    taken = entries.entry_of
    patch.setattr(outcomes, "entry_of", entry_of)


def forgets_attempts(patch: Patch) -> None:
    """Rule 6: attempts begin again after giving up, so their ids are known ones."""

    def resumed(plan: Plan, state: State, record: Record) -> None:
        state.tries.pop(record.slot, None)
        state.incidents.pop(record.slot, None)

    patch.setitem(fold._FOLDS, Role.RESUMED, resumed)


def ends_too_early(patch: Patch) -> None:
    """Rule 10: the end does not wait for slots without an answer."""

    def at_rest(plan: Plan, state: State) -> bool:
        return not state.incidents and not due.open_undo(plan, state)

    patch.setattr(decide, "at_rest", at_rest)


def forgets_ids(patch: Patch) -> None:
    """Rule 10: an ended saga remembers its begin event only."""
    patch.setattr(fold, "_place", lambda known, part: 0 if known.startswith(part) else -1)


def drops_bytes(patch: Patch) -> None:
    """Rows: bytes are dropped while a step may still need them."""
    patch.setattr(row, "needed_types", lambda plan, state: 0)


def lets_the_last_row_win(patch: Patch) -> None:
    """Rows: a zombie's older row counts if it lands last."""

    def load(self: table.Table, key: str, packed: bytes | None) -> None:
        assert packed is not None
        self._rows.put(key, packed)

    patch.setattr(table.Table, "load", load)


def drops_answers_from_rows(patch: Patch) -> None:
    """Rows: slots that were skipped are not kept."""
    every = State.entries

    def without(self: State) -> Any:
        return (entry for entry in every(self) if entry.place is not Place.SKIP)

    patch.setattr(state.State, "entries", without)


def parks_nothing(patch: Patch) -> None:
    """Rule 7: giving up is not folded, so the slot runs at once and for ever."""
    patch.setitem(fold._FOLDS, Role.GAVE_UP, lambda plan, state, record: None)


MUTANTS = [
    ignores_strays, takes_the_last, goes_on_from_strays, folds_duplicates, acts_again,
    fails_behind_the_completion, doubts_nothing, skips_what_an_earlier_owner_started,
    does_not_undo_what_is_late, forgets_attempts, parks_nothing, ends_too_early, forgets_ids,
    drops_bytes, lets_the_last_row_win, drops_answers_from_rows,
]  # fmt: skip


def broken_history(among: int = HISTORIES) -> int | None:
    """The first of many histories in which something does not hold."""
    for seed in range(among):
        chance = random.Random(seed)
        try:
            whole = lived(chance.randbytes(40), chance.randbytes(chance.choice([60, 150, 400])))
            check(whole)
            if seed % 4 == 0:
                check_rows(whole)
        except (AssertionError, KeyError, StopIteration):
            return seed
    return None


def test_nothing_is_missed_while_every_rule_is_there() -> None:
    assert broken_history(among=100) is None


@pytest.mark.parametrize("mutate", MUTANTS, ids=lambda mutate: mutate.__name__)
def test_a_rule_that_is_taken_out_is_missed(
    mutate: Callable[[Patch], None], monkeypatch: Patch
) -> None:
    mutate(monkeypatch)
    assert broken_history() is not None


@pytest.mark.parametrize("odd", ["hold", "ship"])
def test_an_effect_that_nobody_doubts_is_missed(odd: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(due, "may_have_started", lambda *_: False)
    assert first_wrong(odd, Counter()) is not None
