"""What each event of a saga changed, what became due by it, and what did not. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from minuet.core.decide import decide
from minuet.core.due import deadlines, pending
from minuet.core.plan import Plan
from minuet.core.state import Entry, Place, State
from minuet.core.table import Table
from minuet.event.record import Record, timestamp
from minuet.inspection.history import History
from minuet.inspection.reasons import Reason, no_effect, reasons


@dataclass(frozen=True)
class Explained:
    """What a record did.

    Args:
        offset: of the record.
        before, after: the saga's status.
        changes: in words; of a record without effect, why it had none.
        due: the steps that became due by it.
        says: what the coordinator has to say after it.
        steps: how it is with every step after it.
    """

    offset: int
    before: str
    after: str
    changes: list[str] = field(default_factory=list)
    due: list[str] = field(default_factory=list)
    says: list[str] = field(default_factory=list)
    steps: list[Reason] = field(default_factory=list)


@dataclass(frozen=True)
class _Look:
    """What is compared of a state; each by what names it, in words."""

    status: str
    rests: bool
    round: str
    happened: Mapping[str, str]
    answered: Mapping[str, str]
    open: Mapping[str, str]  # slot -> step
    tried: Mapping[str, str]
    undone: Mapping[str, str]
    incidents: Mapping[str, str]
    deadlines: Mapping[str, str]


def explain(plan: Plan, history: History) -> list[Explained]:
    """Return what each record of a saga did, in the order of the log."""
    table, first = Table(plan), dict[str, Record]()
    found = []
    for record, note in zip(history.records, history.notes, strict=True):
        state = table.get(record.key) or State(record.key)
        before = _look(plan, state)
        why = no_effect(plan, state, record, note, first.get(record.id))
        first.setdefault(record.id, record)
        state = table.fold(record)
        after = _look(plan, state)
        changes = [why] if why else []
        changes += _ended(before, after) if after.rests else _changes(before, after)
        slots = {slot.id: slot.step.name for slot in pending(plan, state)}
        due = [name for slot, name in slots.items() if slot not in before.open]
        says = [say.type for say in decide(plan, state, record.time)]
        steps = reasons(plan, state, record.time)
        found.append(
            Explained(record.offset, before.status, after.status, changes, due, says, steps)
        )
    return found


def _look(plan: Plan, state: State) -> _Look:
    slots = {slot.id: slot for slot in pending(plan, state)}
    return _Look(
        state.status.value,
        bool(state.known),
        state.round,
        {entry.id: _effect(entry) for entry in (*state.ids.values(), *state.held)},
        {slot: _step_of(plan, state, slot) for slot in state.answers},
        {slot: found.step.name for slot, found in slots.items()},
        {slot: _tried(state, slot) for slot in state.tries},
        {undoes: entry.type for undoes, entry in state.undone.items()},
        {key: f"{one.kind} of {one.about}" for key, one in state.incidents.items()},
        {name: timestamp(at).decode() for name, at in deadlines(plan, state)},
    )


def _effect(entry: Entry) -> str:
    match entry.place:
        case Place.HELD:
            return f"{entry.type} is held until the saga begins"
        case Place.REQUEST:
            return f"{entry.type} asks for an undo"
        case Place.UNDONE:
            return f"{entry.type} ends an undo"
        case Place.LATE:
            return f"{entry.type} is effective, and late: nothing follows from it"
    return f"{entry.type} is effective"


def _step_of(plan: Plan, state: State, slot: str) -> str:
    answer = state.ids.get(state.answers[slot]) or state.skips.get(state.answers[slot])
    return "" if answer is None else plan.said_by.get(answer.type, "")


def _tried(state: State, slot: str) -> str:
    tries = state.tries[slot]
    if tries.parked:
        return f"{tries.step} gave up at attempt {tries.attempt}: it waits for a person"
    if tries.since and tries.since == tries.attempt:
        return f"{tries.step} was resumed by a person"
    until = timestamp(tries.not_before).decode()
    return f"{tries.step} failed at attempt {tries.attempt}: it waits until {until}"


def _changes(before: _Look, after: _Look) -> Iterator[str]:
    if before.status != after.status:
        yield f"the saga is {after.status}"
    if before.round != after.round:
        yield "a new round begins: what happened before does not count in it"
    yield from _new(before.happened, after.happened)
    for slot in _gone(after.answered, before.answered):
        name = after.answered[slot] or before.open.get(slot, "")
        yield f"{name} is answered" if name else "a slot is answered"
    yield from _new(before.tried, after.tried)
    for key in _gone(after.incidents, before.incidents):
        yield f"an incident opens: {after.incidents[key]}"
    for key in _gone(before.incidents, after.incidents):
        yield f"an incident is closed: {before.incidents[key]}"
    for name in _gone(after.deadlines, before.deadlines):
        yield f"a deadline runs: {name} at {after.deadlines[name]}"
    for name in _gone(before.deadlines, after.deadlines):
        yield f"a deadline runs no more: {name}"
    for slot in _gone(before.open, {**after.open, **after.answered}):
        yield f"{before.open[slot]} is not to run any more"


def _ended(before: _Look, after: _Look) -> Iterator[str]:
    """Of a saga at rest only its ids are kept: what is gone did not change."""
    if before.status != after.status:
        yield f"the saga is {after.status}"
    for key in _gone(before.incidents, after.incidents):
        yield f"an incident is closed: {before.incidents[key]}"
    if not before.rests:
        yield "nothing is left to do: the saga rests, and keeps the ids of its events alone"


def _gone(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    return [name for name in before if name not in after]


def _new(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    for name, text in after.items():
        if before.get(name) != text:
            yield text
