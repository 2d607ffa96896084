"""Rules 6 and 7: waits that stand in the log, giving up, and what a person does about it."""

from __future__ import annotations

from minuet.core.due import pending
from minuet.core.entries import close, entry_of, take
from minuet.core.outcomes import of_another_round
from minuet.core.plan import Plan
from minuet.core.state import Incident, Place, State, Tries
from minuet.event.record import ATTEMPT, BY, NOT_BEFORE, REASON, STEP, UNDOES, Record

_SETTLED_BY_SKIP = frozenset(("irreversible", "failed-after-pivot"))


def retrying(plan: Plan, state: State, record: Record) -> None:
    """Fold that a slot waits."""
    if _is_settled(plan, state, record):
        return
    tries = state.tries.get(record.slot)
    attempt = record.number(ATTEMPT)
    if tries is None:
        tries = state.tries[record.slot] = Tries(record.text(STEP), 0)
    elif tries.parked or attempt <= tries.attempt:
        state.count("illegal")
        return
    tries.attempt, tries.not_before = attempt, record.number(NOT_BEFORE)


def gave_up(plan: Plan, state: State, record: Record) -> None:
    """Fold that a slot waits for a person; attempts never go backwards, their ids depend on it."""
    if _is_settled(plan, state, record):
        return
    step, attempt = record.text(STEP), record.number(ATTEMPT)
    tries = state.tries.get(record.slot)
    if tries is not None:
        if attempt <= tries.since:
            state.count("illegal")  # of a run before a person resumed the slot
            return
        attempt = max(attempt, tries.attempt)
    state.tries[record.slot] = Tries(step, attempt, parked=True)
    state.incidents[record.slot] = Incident("gave-up", step, record.offset, record.text(REASON))


def _is_settled(plan: Plan, state: State, record: Record) -> bool:
    """Whether nobody waits for the slot any more."""
    if record.slot in state.answers or of_another_round(state, record):
        return True
    if state.status.ended and state.known:
        return all(slot.id != record.slot for slot in pending(plan, state))
    return False


def resumed(plan: Plan, state: State, record: Record) -> None:
    """Fold that a person lets a parked slot run again."""
    tries = state.tries.get(record.slot)
    if tries is None or not tries.parked:
        state.count("illegal")
        return
    state.tries[record.slot] = Tries(
        tries.step, tries.attempt, since=tries.attempt, decided=state.failing
    )
    state.incidents.pop(record.slot, None)


def skipped(plan: Plan, state: State, record: Record) -> None:
    """Fold that a slot in doubt was never started, or that a person does without an undo."""
    undoes = record.text(UNDOES)
    if undoes:
        _skip_undo(plan, state, record, undoes)
    elif record.slot in state.answers:
        return
    elif _may_skip(state, record):
        take(plan, state, entry_of(record, Place.SKIP))
    else:
        state.count("illegal")


def _may_skip(state: State, record: Record) -> bool:
    """Whether nobody started the slot, as far as the log knows; a person may know better."""
    if not record.slot or not state.failing or of_another_round(state, record):
        return False
    return record.slot not in state.tries or bool(record.headers.get(BY))


def _skip_undo(plan: Plan, state: State, record: Record, undoes: str) -> None:
    if undoes in state.undone:
        return
    if not _may_skip_undo(plan, state, undoes):
        state.count("illegal")
        return
    for slot in pending(plan, state):
        if slot.undoes == undoes:
            close(state, slot.id)
    take(plan, state, entry_of(record, Place.SKIP))


def _may_skip_undo(plan: Plan, state: State, undoes: str) -> bool:
    if undoes in state.requests or undoes in state.strays:
        return True
    incident = state.incidents.get(undoes)
    if incident is not None and (state.status.ended or incident.kind in _SETTLED_BY_SKIP):
        return True
    happened = state.ids.get(undoes)
    return state.failing and happened is not None and happened.type in plan.undo_of
