"""Whatever happened to a saga of whatever shape: each event is explained as the core folded it."""

from __future__ import annotations

from hypothesis import given

from minuet.core.due import due, pending
from minuet.core.state import Status
from minuet.core.table import Table
from minuet.inspection.explaining import explain
from minuet.inspection.history import History, fold
from tests.properties.test_core import histories, shapes, tapes
from tests.unit.core.workflows import Tape, workflow
from tests.unit.core.world import HAPPENINGS, KEY, World


@histories(60)
@given(shapes, tapes)
def test_what_is_explained_is_what_was_folded(shape: bytes, tape: bytes) -> None:
    world = World(workflow(Tape(shape)), Tape(tape))
    world.happen(HAPPENINGS)
    world.settle()
    plan = world.current.plan
    notes, last = fold(plan, world.log)
    found = explain(plan, History(KEY, 0, list(world.log), notes, last))
    assert len(found) == len(world.log)
    table, before, open_before = Table(plan), "early", set[str]()
    for record, note, one in zip(world.log, notes, found, strict=True):
        state = table.fold(record)
        assert (one.before, one.after) == (before, state.status.value)
        assert one.changes or not note, (record.type, note)
        slots = pending(plan, state)
        assert one.due == [s.step.name for s in slots if s.id not in open_before]
        if not state.known and state.status is not Status.EARLY:
            names = [each.step for each in one.steps]
            assert {*plan.steps} == {*names}
            runs = sorted(s.step.name for s in due(plan, state, record.time))
            kinds = sorted(e.step for e in one.steps if e.kind in ("due", "in-doubt"))
            assert set(runs) <= set(kinds)
        before, open_before = state.status.value, {slot.id for slot in slots}
