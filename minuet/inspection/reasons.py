"""Why a step has not run, is not to run, or runs; and why a record had no effect. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from minuet.core.due import Slot, pending, slot_of, undo_causes
from minuet.core.outcomes import of_another_round
from minuet.core.plan import Plan, PlannedStep
from minuet.core.state import Entry, State, Status
from minuet.event.record import Record, timestamp


@dataclass(frozen=True)
class Reason:
    """How it is with a step.

    Args:
        kind: `due`, `waiting`, `parked` or `in-doubt` (it is to run); `answered`; `excluded` (what
            it could say has happened otherwise); `lacks`; `unreadable`; `failing` and `ended`
            (nothing of that kind begins any more); `not-asked` and `undone` of an undo.
        why: in words.
    """

    step: str
    kind: str
    why: str


def reasons(plan: Plan, state: State, now_ms: int) -> list[Reason]:
    """Return how it is with every step at `now_ms`; nothing of a saga that rests or never began."""
    if state.known or state.status is Status.EARLY:
        return []
    slots = pending(plan, state)
    to_run = [_to_run(state, slot, now_ms) for slot in slots]
    known = {slot.step.name for slot in slots}
    forward = [_forward(plan, state, step) for step in plan.forward if step.name not in known]
    return [*to_run, *forward, *_undos(plan, state, known)]


def _to_run(state: State, slot: Slot, now_ms: int) -> Reason:
    name, tries = slot.step.name, state.tries.get(slot.id)
    tried = f" after {slot.attempt} attempts" if slot.attempt else ""
    if tries is not None and tries.parked:
        return Reason(name, "parked", f"gave up{tried}: waits for a person")
    if tries is not None and tries.not_before > now_ms:
        until = timestamp(tries.not_before).decode()
        return Reason(name, "waiting", f"waits until {until}{tried}")
    if slot.in_doubt:
        return Reason(name, "in-doubt", "may have been started before the saga failed")
    because = ", ".join(_placed(cause) for cause in slot.causes)
    return Reason(name, "due", f"due since {because}{tried}")


def _forward(plan: Plan, state: State, step: PlannedStep) -> Reason:
    slot = slot_of(state, step)
    if slot is not None and slot in state.answers:
        answer = state.ids.get(state.answers[slot]) or state.skips.get(state.answers[slot])
        return Reason(step.name, "answered", f"answered by {_placed(answer)}")
    said = [t for t in step.spec.says if plan.bits[t] & step.excludes & state.said]
    if said:
        effective = _placed(state.events.get(said[0]))
        return Reason(step.name, "excluded", f"not again: {effective} is effective")
    lacks = [
        " or ".join(types)
        for types in step.needs
        if not any(plan.bits[t] & state.mask for t in types)
    ]
    if state.status.ended:
        return Reason(step.name, "ended", f"the saga is {state.status.value}")
    if state.failing:
        by = state.ids.get(state.failed_by)
        return Reason(step.name, "failing", f"the saga fails by {_placed(by)}: it is not begun")
    if lacks:
        return Reason(step.name, "lacks", f"lacks {', '.join(lacks)}")
    unreadable = [e for types in step.needs for t in types if (e := state.events.get(t))]
    which = ", ".join(_placed(entry) for entry in unreadable if entry.rejected)
    return Reason(step.name, "unreadable", f"{which} cannot be read")


def _undos(plan: Plan, state: State, known: set[str]) -> Iterator[Reason]:
    open_ones = {step.name: causes for _, step, causes in undo_causes(plan, state)}
    for request, step in plan.undo_steps.items():
        if step.name in known or step.undoes is None:
            continue
        if step.name in open_ones:
            causes = zip(step.needs, open_ones[step.name], strict=True)
            bad = [_placed(c) if c else " or ".join(types) for types, c in causes
                   if c is None or c.rejected]  # fmt: skip
            yield Reason(step.name, "unreadable", f"{', '.join(bad)} is gone or cannot be read")
        elif done := [e for e in state.undone.values() if e.type == step.undoes.undone]:
            yield Reason(step.name, "undone", f"answered by {_placed(done[-1])}")
        else:
            yield Reason(step.name, "not-asked", f"nobody has asked for it by {request}")


def _placed(entry: Entry | None) -> str:
    return "an event that is gone" if entry is None else f"{entry.type} (#{entry.offset})"


def no_effect(plan: Plan, state: State, record: Record, note: str, first: Record | None) -> str:
    """Say why a record changes nothing, in a state before it is folded.

    Args:
        plan: the compiled workflow.
        state: before.
        record: that was folded.
        note: what it was counted as, empty for nothing.
        first: the record that had its id before.
    """
    if first is not None and note in ("duplicates", "nondeterministic", "conflicts"):
        content = "the same content" if note == "duplicates" else "other content"
        return f"its id was there before (#{first.offset}), with {content}: the first one stands"
    if note == "strays":
        return f"it came second: {_came_second(state, record)}"
    if note == "illegal":
        return "nothing was there for it to change, as the saga stood"
    return ""


def _came_second(state: State, record: Record) -> str:
    if state.status.ended and state.known:
        return "the saga had ended and was at rest"
    if record.slot and record.slot in state.answers:
        entry = state.ids.get(state.answers[record.slot])
        return f"its slot is answered by {_placed(entry)}"
    if record.type in state.events:
        return f"{_placed(state.events[record.type])} is effective"
    if of_another_round(state, record):
        return "it is of the round before the redo"
    return "a cause of it is not effective"
