"""What may happen next to a saga: every record that somebody may append, as it stands.

The core says it all: what is due, what the coordinator says, what becomes of a failed run and of
doubt. Only who may say what is written here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from minuet.core.decide import Say, decide
from minuet.core.due import FOREVER, Doubt, Slot, doubt, is_unseen
from minuet.core.plan import Plan, Role
from minuet.core.settle import LOGGED_WAIT_MS, Failure, Wait, settle
from minuet.core.state import State
from minuet.event.ids import action_id, answer_id, attempt_id, begin_id
from minuet.event.record import ATTEMPT, BY, CAUSES, DIGEST, LATE, STEP, UNDOES, Record

SAGA = "saga"
PASSING = "passing"  # the digest of what leaves its trace in the state, or none: tries and persons
_FAILURES = (
    Failure("retry", "", after_ms=LOGGED_WAIT_MS),
    Failure("reject", ""),
)  # tried again later, and given up


class Who(Enum):
    """Who appends a record."""

    STEP = "a step's answer"
    ATTEMPT = "a run without an answer"
    COORDINATOR = "the coordinator"
    OUTSIDE = "somebody outside"
    PERSON = "a person whom an incident calls"
    CANCEL = "a person, unasked"


@dataclass(frozen=True, slots=True)
class Move:
    """A record that may come next, and how one would tell of it."""

    who: Who
    record: Record
    text: str


def begin(plan: Plan) -> Move:
    """Return the move that begins a saga."""
    begins = plan.spec.begins
    record = _record(None, begins, begin_id(plan.spec.name, begins, SAGA))
    return Move(Who.OUTSIDE, record, f"{begins} begins the saga")


def external(plan: Plan) -> tuple[str, ...]:
    """Return the types that are needed and that neither a step nor the coordinator says."""
    known = plan.said_by.keys() | plan.deadlines.keys()
    return tuple(t for t, role in plan.roles.items() if role is Role.OUTCOME and t not in known)


def moves(plan: Plan, state: State, slots: list[Slot]) -> Iterator[Move]:
    """Iterate over all that may happen next.

    Args:
        plan: the compiled workflow.
        state: of a saga that has begun.
        slots: what is pending in it, as `minuet.core.due.pending` says.
    """
    for say in decide(plan, state, FOREVER):
        yield _said(state, say)
    for slot in slots:
        yield from _of_slot(state, slot)
    for event_type in external(plan):
        if event_type not in state.events and not state.status.ended:
            record = _record(state, event_type, action_id(event_type, SAGA))
            yield Move(Who.OUTSIDE, record, f"somebody publishes {event_type}")
    yield from _by_persons(state, slots)


def _of_slot(state: State, slot: Slot) -> Iterator[Move]:
    tries = state.tries.get(slot.id)
    if tries is not None and tries.parked:
        return
    if not slot.in_doubt:
        yield from _runs(state, slot, "", late=False)
        return
    # A worker that had not read the failure has begun it, and answers only now.
    yield from _answers(state, slot, ", begun before the failure,", late=False)
    if is_unseen(slot):
        return
    if doubt(slot, owned_since=0, started=False) is Doubt.SKIP:
        record = _record(
            state,
            "StepSkipped",
            answer_id(slot.id, "StepSkipped"),
            {STEP: slot.step.name},
            slot=slot.id,
        )
        yield Move(Who.STEP, record, f"{slot.step.name} is skipped, since nobody had begun it")
    if doubt(slot, owned_since=FOREVER, started=True) is Doubt.RUN:
        yield from _runs(state, slot, ", run again to learn what it did,", late=True)
    else:
        why = f"{slot.step.name} may have taken effect and must not run again: it is parked"
        yield _attempt(state, slot, "StepGaveUp", slot.attempt + 1, why)


def _runs(state: State, slot: Slot, how: str, *, late: bool) -> Iterator[Move]:
    yield from _answers(state, slot, how, late=late)
    name = slot.step.name
    for failure in _FAILURES:
        settled = settle(slot, failure, 1, 0.0)
        if isinstance(settled, Wait):
            why = f"{name} fails, and is tried again later"
            yield _attempt(state, slot, "StepRetrying", settled.attempt, why)
        else:
            yield _attempt(state, slot, "StepGaveUp", slot.attempt + 1, f"{name} gives up")


def _answers(state: State, slot: Slot, how: str, *, late: bool) -> Iterator[Move]:
    for said in slot.step.spec.says:
        headers = {CAUSES: ",".join(cause.id for cause in slot.causes), UNDOES: slot.undoes}
        headers[LATE] = "1" if late else ""
        headers[STEP] = slot.step.name
        record = _record(state, said, answer_id(slot.id, said), headers, slot=slot.id)
        yield Move(Who.STEP, record, f"{slot.step.name}{how} says {said}")


def _attempt(state: State, slot: Slot, event_type: str, attempt: int, text: str) -> Move:
    headers = {ATTEMPT: str(attempt), DIGEST: PASSING, STEP: slot.step.name}
    identity = attempt_id(slot.id, event_type, attempt)
    return Move(Who.ATTEMPT, _record(state, event_type, identity, headers, slot=slot.id), text)


def _said(state: State, say: Say) -> Move:
    record = _record(state, say.type, say.id, {UNDOES: say.undoes})
    if say.undoes:
        undone = state.undoable(say.undoes)
        of = undone.type if undone is not None else "what may have been done"
        text = f"the coordinator asks for {say.type}, to undo {of}"
    elif say.of is not None:
        text = f"the deadline {say.type} passes"
    else:
        text = f"the coordinator says {say.type}"
    return Move(Who.COORDINATOR, record, text)


def _by_persons(state: State, slots: list[Slot]) -> Iterator[Move]:
    """What an incident may be closed by; the fold says which of these have an effect.

    An answer in a step's place is left out: it comes to the same as resuming, and that answer.
    """
    undos = {slot.id: slot.undoes for slot in slots if slot.undoes}
    for key, incident in state.incidents.items():
        about, tries = incident.about, state.tries.get(key)
        if tries is not None:
            resume = action_id("StepResumed", f"{key} {tries.attempt}")
            yield _decided(state, "StepResumed", resume, f"a person resumes {about}", slot=key)
        if tries is not None and key not in undos:
            skip = action_id("StepSkipped", key)
            yield _decided(state, "StepSkipped", skip, f"a person skips {about}", slot=key)
        else:
            undoes = undos.get(key, key)
            skip = action_id("StepSkipped", undoes)
            text = f"a person does without the undo of {about}"
            yield _decided(state, "StepSkipped", skip, text, undoes=undoes)
    if not state.status.ended and "SagaCancelled" not in state.events:
        record = _record(state, "SagaCancelled", action_id("SagaCancelled", SAGA), {BY: "x"})
        yield Move(Who.CANCEL, record, "a person cancels the saga")


def _decided(
    state: State, event_type: str, identity: str, text: str, *, slot: str = "", undoes: str = ""
) -> Move:
    headers = {BY: "x", DIGEST: PASSING, UNDOES: undoes}
    return Move(Who.PERSON, _record(state, event_type, identity, headers, slot=slot), text)


def _record(
    state: State | None, event_type: str, identity: str, headers: dict[str, str] | None = None,
    *, slot: str = "",
) -> Record:  # fmt: skip
    raw = {name: text.encode() for name, text in (headers or {}).items() if text}
    offset = state.log_offset + 1 if state is not None else 0
    return Record(SAGA, offset, 0, identity, event_type, slot, b"", raw)
