"""Rules 1, 3 and 5: the first outcome is the answer, what came second is a stray, a fail event
makes the saga fail. Requests and undone events, which are never strays, are folded here too.
"""

from __future__ import annotations

from minuet.core.entries import entry_of, open_incident, take
from minuet.core.plan import Plan
from minuet.core.state import Place, State, Status
from minuet.core.unreadable import replaces_unreadable
from minuet.event.record import LATE, NOT_BEFORE, ROUND, STEP, UNDOES, Record

CLOCKS_APART_MS = 1_000  # of a worker and a broker, in a deadline that counts


def outcome(plan: Plan, state: State, record: Record) -> None:
    """Fold what a step, a deadline or somebody outside said."""
    if not _may_say(plan, record):
        state.count("illegal")
    elif record.type in plan.deadlines and _comes_too_late(plan, state, record):
        replaces_unreadable(state, record)
    elif record.type in plan.deadlines and comes_too_early(record):
        state.count("illegal")
        state.seen.pop(record.id, None)  # the same event, in its time, is to have its effect
    elif came_second(state, record):
        if not replaces_unreadable(state, record):
            stray(plan, state, record)
    else:
        _happen(plan, state, record)


def _may_say(plan: Plan, record: Record) -> bool:
    """Whether the event's step says such a type; what a step says needs a slot."""
    if not record.slot:
        return record.type not in plan.said_by
    step = plan.steps.get(record.text(STEP))
    return step is None or record.type in step.spec.says


def came_second(state: State, record: Record) -> bool:
    """Whether an outcome is no effective one: another was first, or its cause is not effective."""
    return (
        (state.status.ended and bool(state.known))
        or (bool(record.slot) and record.slot in state.answers)
        or record.type in state.events
        or not state.ids.keys() >= set(record.causes)
        or of_another_round(state, record)
    )


def of_another_round(state: State, record: Record) -> bool:
    """Whether a step said it before the redo: the begin event, a cause of both, is carried over."""
    return bool(state.round and record.slot) and record.text(ROUND) != state.round


def _comes_too_late(plan: Plan, state: State, record: Record) -> bool:
    """Whether a deadline event has no effect: its `unless`, or the saga's failure, was first."""
    unless = plan.deadlines[record.type].unless
    return state.status is not Status.RUNNING or unless in state.events


def comes_too_early(record: Record) -> bool:
    """Whether a deadline event is of a worker whose clock is ahead of the log's.

    When it was due stands in the event: another version may give more time, or less.
    """
    return record.time < record.number(NOT_BEFORE) - CLOCKS_APART_MS


def _happen(plan: Plan, state: State, record: Record) -> None:
    late = state.failing and LATE in record.headers
    take(plan, state, entry_of(record, Place.LATE if late else Place.EFFECTIVE))
    if state.failing and record.type in plan.beyond_pivot:
        why = "happened in a saga that had failed"
        open_incident(state, record.id, "irreversible", record, why)
    if record.type in plan.fails:
        fail(plan, state, record)


def fail(plan: Plan, state: State, record: Record) -> None:
    """Let a fail event that was taken have its effect."""
    if state.status is not Status.RUNNING:
        return
    if plan.spec.pivot and plan.spec.pivot in state.events:
        why = "there is no way back"
        open_incident(state, record.id, "failed-after-pivot", record, why)
    elif plan.spec.completes in state.events:
        state.count("illegal")
    else:
        state.status = Status.FAILING
        state.failed_by, state.failed_offset = record.id, record.offset


def stray(plan: Plan, state: State, record: Record) -> None:
    """Count what came second, and keep it where it must be undone or cannot be."""
    state.count("strays")
    undo = plan.undo_of.get(record.type)
    if undo is not None:
        state.keep(entry_of(record, Place.STRAY), 0)
        step = plan.undo_steps.get(undo.request)
        own = plan.bits[undo.outcome] | plan.bits[undo.request]
        gone = state.status.ended and bool(state.known)
        if gone and step is not None and step.takes & ~own:
            why = f"{step.name} needs events that an ended saga no longer keeps"
            open_incident(state, record.id, "undo-impossible", record, why)
    elif record.type in plan.beyond_pivot:
        why = "came second and cannot be undone"
        open_incident(state, record.id, "irreversible", record, why)


def request(plan: Plan, state: State, record: Record) -> None:
    """Fold a request to undo one outcome."""
    undoes = record.text(UNDOES)
    if not undoes or undoes in state.requests:
        state.count("illegal")
        return
    take(plan, state, entry_of(record, Place.REQUEST))


def undone(plan: Plan, state: State, record: Record) -> None:
    """Fold the answer to a request."""
    undoes = record.text(UNDOES)
    if undoes in state.requests and undoes not in state.undone:
        take(plan, state, entry_of(record, Place.UNDONE))
    elif not replaces_unreadable(state, record):
        state.count("illegal")
