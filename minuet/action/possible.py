"""Whether an action is possible as a saga stands: a wish becomes an event, or a refusal. Pure.

An event's id is a function of its type and of what it acts on, so that two operators who want the
same at once make one action. What it acts on: the `StepGaveUp` of a resume, so that a slot which
gives up again can be resumed again; the slot or the event of an answer or a skip; the round of a
cancel; the end of a redo.
"""

from __future__ import annotations

from minuet.action.answering import answer
from minuet.action.skipping import skip
from minuet.action.view import View, moment
from minuet.action.wish import (
    Answer,
    Cancel,
    Choice,
    Decision,
    Deed,
    Earlier,
    Redo,
    Refusal,
    Resume,
    Skip,
    Which,
    Wish,
)
from minuet.core.due import at_rest
from minuet.core.fold import KNOWN_BYTES, known_part
from minuet.core.state import Status
from minuet.event.ids import action_id, attempt_id
from minuet.event.record import BY, STEP, Record


def decide(view: View, wish: Wish) -> Decision:
    """Say what is to be appended, or why nothing can be."""
    if view.is_over:
        when = moment(view.state.at)
        return Refusal(f"its last event was at {when}: it is kept no longer, and may be forgotten")
    match wish:
        case Resume():
            found = _resume(view, wish)
        case Answer():
            found = answer(view, wish)
        case Skip():
            found = skip(view, wish)
        case Cancel():
            found = _cancel(view)
        case Redo():
            found = _redo(view)
    if isinstance(found, Deed) and (counted := view.trial(found)[0]):
        return Refusal(f"the log would count it among the {counted}")
    return found


def _resume(view: View, wish: Resume) -> Decision:
    state = view.state
    parked = {slot: tries for slot, tries in state.tries.items() if tries.parked}
    found = [slot for slot, tries in parked.items() if wish.name in ("", tries.step, slot)]
    if len(found) > 1:
        return Which(tuple(_choice(view, slot) for slot in found))
    if not found:
        return _resumed_before(view, wish.name) or Refusal(_not_parked(view, wish.name))
    slot, tries = found[0], parked[found[0]]
    causes = next((each.causes for each in view.pending if each.id == slot), ())
    if unreadable := [cause.type for cause in causes if cause.rejected]:
        return Refusal(f"{tries.step} cannot run again, since {unreadable[0]} cannot be read")
    incident = state.incidents.get(slot)
    gave_up = view.at(incident.offset) if incident else None
    known = attempt_id(slot, "StepGaveUp", tries.attempt)
    return Deed(
        "StepResumed",
        action_id("StepResumed", gave_up.id if gave_up else known),
        f"{tries.step}, which gave up at attempt {tries.attempt}",
        step=tries.step,
        slot=slot,
    )


def _choice(view: View, slot: str) -> Choice:
    step = view.state.tries[slot].step
    same = [tries for tries in view.state.tries.values() if tries.parked and tries.step == step]
    incident = view.state.incidents.get(slot)
    return Choice(
        step if len(same) == 1 else slot, f"{step}: {incident.reason if incident else ''}"
    )


def _resumed_before(view: View, name: str) -> Earlier | None:
    """What somebody resumed, when nothing was decided about it since."""
    decided = (r for r in view.effective() if r.headers.get(BY) or r.type == "StepGaveUp")
    of_it = (r for r in decided if name in ("", r.text(STEP), r.slot))
    last = next(of_it, None)
    return Earlier(last) if last is not None and last.type == "StepResumed" else None


def _not_parked(view: View, name: str) -> str:
    if view.state.status.ended:
        return f"it has ended ({view.state.status.value}), and no step of it is parked"
    return view.stands(name) if name else "no step of it is parked"


def _cancel(view: View) -> Decision:
    state, spec = view.state, view.plan.spec
    before = _cancelled_before(view)
    if before is not None:
        return Earlier(before)
    if state.status.ended:
        return Refusal(f"it has ended ({state.status.value}): nothing is left to cancel")
    if state.status is Status.RUNNING:
        for event_type in (spec.pivot, spec.completes):
            if event_type in state.events:
                return Refusal(f"{event_type} has happened: there is no way back")
    about = {
        Status.EARLY: "the saga, as soon as it begins",
        Status.FAILING: "the wait for values that cannot be read",
    }.get(state.status, "the saga")
    identity = action_id("SagaCancelled", state.round or state.saga_id)
    deed = Deed("SagaCancelled", identity, about)
    if state.failing and len(view.trial(deed)[1].incidents) == len(state.incidents):
        by = state.ids.get(state.failed_by)
        return Refusal(f"it fails already, by {by.type if by else 'an event before'}")
    return deed


def _cancelled_before(view: View) -> Record | None:
    state = view.state
    if state.status is Status.COMPENSATED:
        return next(view.persons("SagaCancelled"), None)
    held = [entry for entry in state.held if entry.type == "SagaCancelled"]
    entry = state.events.get("SagaCancelled") or next(iter(held), None)
    return view.at(entry.offset) if entry is not None else None


def _redo(view: View) -> Decision:
    state = view.state
    if state.status is not Status.COMPENSATED:
        before = view.with_id(state.round) if state.round else None
        if before is not None and not state.status.ended:
            return Earlier(before)
        wanted = "only a compensated saga can be begun anew"
        return Refusal(f"it is {state.status.value}: {wanted}")
    if not at_rest(view.plan, state):
        return Refusal("it has ended, but not all is done: an incident or a last step is open")
    begin = _begin(view)
    end = next((r for r in view.effective() if r.type == "SagaCompensated"), None)
    if begin is None or end is None:
        return Refusal("the log no longer has the event that began it")
    first, carried = begin
    identity = action_id("SagaRedone", end.id)
    return Deed("SagaRedone", identity, "the saga", causes=(first.id,), carries=carried)


def _begin(view: View) -> tuple[Record, Record] | None:
    """The begin event, and the record with the bytes that count: a person may have replaced it."""
    begins = view.plan.spec.begins
    known = view.state.known[:KNOWN_BYTES]
    found = [r for r in view.history.records if r.type == begins and known_part(r.id) == known]
    carries = [r for r in view.effective() if r.type in (begins, "SagaRedone")]
    return (found[0], carries[0]) if found and carries else None
