"""What the coordinator says: undo requests, deadline events, the end of a saga.

A function of the folded state alone, so that two coordinators, or one before and after a crash,
say the same events under the same ids.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from minuet.core.due import at_rest, deadlines, is_unseen, pending
from minuet.core.plan import Plan
from minuet.core.state import Entry, State, Status
from minuet.event.ids import coordinator_id


@dataclass(frozen=True, slots=True)
class Say:
    """An event that the coordinator wants on the log.

    Args:
        of: the event whose fields a request copies by name; None for an end, and for a slot in
            doubt that is undone unseen.
        undoes: the id of what is undone, or empty.
        not_before: of a deadline event, when it was due, ms since 1970.
    """

    type: str
    id: str
    of: Entry | None
    undoes: str
    reason: str
    not_before: int = 0


def decide(plan: Plan, state: State, read_through_ms: int) -> list[Say]:
    """Return what is to be said now; what was said already is not in the state before it is read.

    Args:
        plan: the compiled workflow.
        state: of one saga.
        read_through_ms: every record appended before this time has been folded. A deadline fires
            only when that is past it, so that an `unless` in the log always wins.
    """
    if state.status is Status.EARLY:
        return []
    if plan.spec.migrations and (to := _migration(plan, state)) is not None:
        return [to]
    plan = plan.of(state.version)
    said = list(_stray_undos(plan, state)) if state.strays else []
    if state.status is Status.RUNNING:
        if plan.deadlines:
            said.extend(_expired(plan, state, read_through_ms))
        if plan.spec.completes in state.events and not said and at_rest(plan, state):
            said.append(_end(state, "SagaCompleted"))
    elif state.failing:
        said.extend(_undos(plan, state))
        said.extend(_unseen_undos(plan, state))
        if state.status is Status.FAILING and not said and at_rest(plan, state):
            said.append(_end(state, "SagaCompensated"))
    return said


def _end(state: State, event_type: str) -> Say:
    identity = coordinator_id(event_type, state.round, state.begin_id)
    failed_by = state.ids[state.failed_by].type if state.failed_by else ""
    return Say(event_type, identity, None, "", failed_by)


def _migration(plan: Plan, state: State) -> Say | None:
    """Return the event by which a saga leaves the version that it began with; all else waits."""
    if state.status is not Status.RUNNING:
        return None
    for rule in plan.spec.migrations:
        if rule.version == state.version and not any(t in state.events for t in rule.unless):
            of = f"{state.begin_id}/{state.version}/{plan.spec.version}"
            identity = coordinator_id("SagaMigrated", state.round, of)
            if identity in state.seen:
                return None  # it had no effect, as where a worker did not know of it: nor will it
            return Say("SagaMigrated", identity, None, "", state.version)
    return None


def _expired(plan: Plan, state: State, read_through_ms: int) -> Iterator[Say]:
    for event_type, when in deadlines(plan, state):
        if when <= read_through_ms:
            after = state.events[plan.deadlines[event_type].after]
            identity = coordinator_id(event_type, state.round, after.id)
            if identity in state.seen:
                continue  # under another version it came too late
            yield Say(event_type, identity, after, "", f"not in time after {after.type}", when)


def _undos(plan: Plan, state: State) -> Iterator[Say]:
    """Ask for the undo of what happened, in reverse order (rule 3)."""
    happened = [
        entry
        for entry in state.events.values()
        if entry.type in plan.undo_of and entry.id not in state.undone
    ]
    happened.sort(key=lambda entry: -entry.offset)
    wanted = [entry for entry in happened if entry.id not in state.requests]
    if not plan.spec.parallel_undo:
        wanted = wanted[:1] if len(wanted) == len(happened) else []  # one after the other
    for entry in wanted:
        if not entry.rejected:
            yield _request(plan, state, entry)


def _stray_undos(plan: Plan, state: State) -> Iterator[Say]:
    for stray in state.strays.values():
        wanted = stray.id not in state.requests and stray.id not in state.undone
        if wanted and stray.id not in state.incidents:
            yield _request(plan, state, stray)


def _request(plan: Plan, state: State, entry: Entry) -> Say:
    request = plan.undo_of[entry.type].request
    identity = coordinator_id(request, state.round, entry.id)
    why = state.ids[state.failed_by].type if state.failed_by in state.ids else "came second"
    return Say(request, identity, entry, entry.id, why)


def _unseen_undos(plan: Plan, state: State) -> Iterator[Say]:
    """Undo what is in doubt without knowing it: `in_doubt="undo"` (rule 4)."""
    for slot in pending(plan, state):
        if is_unseen(slot) and slot.id not in state.requests:
            says = slot.step.spec.says
            undo = next(plan.undo_of[said] for said in says if said in plan.undo_of)
            identity = coordinator_id(undo.request, state.round, slot.id)
            yield Say(undo.request, identity, None, slot.id, "in doubt")
