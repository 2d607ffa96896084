"""What is to be run: a function of the state, never of offsets (rules 2 to 4).

A step is due when its parameters have happened and its slot has no answer, is not waiting and not
parked. In a failing saga only what follows from the failure goes on; a forward step that may have
been started and has not answered is *in doubt*, and is returned marked so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from minuet.core.plan import Plan, PlannedStep
from minuet.core.state import Entry, Place, State, Status
from minuet.event.ids import slot_id

FOREVER = 1 << 62


@dataclass(slots=True, init=False)  # mypyc compiles a constructor that is written, no other
class Slot:
    """One step on one set of causes, to be run.

    Args:
        id: also the handler's idempotency key.
        causes: the entry for each event parameter, in the order they are written.
        undoes: in an undo, the id of the undone event.
        attempt: tries the log knows of; `since`: of these, before a person resumed it.
        in_doubt: the saga is failing, and the step may have taken effect.
        decided: a person who knew of the failure had it run again.
        due_offset: of the record that made it due.
    """

    id: str
    step: PlannedStep
    causes: tuple[Entry, ...]
    undoes: str = ""
    attempt: int = 0
    since: int = 0
    in_doubt: bool = False
    decided: bool = False

    def __init__(  # noqa: PLR0913  (each is asked for by those who run it)
        self, id: str, step: PlannedStep, causes: tuple[Entry, ...], undoes: str = "",
        attempt: int = 0, since: int = 0, in_doubt: bool = False, decided: bool = False,
    ) -> None:  # fmt: skip
        self.id, self.step, self.causes, self.undoes = id, step, causes, undoes
        self.attempt, self.since = attempt, since
        self.in_doubt, self.decided = in_doubt, decided

    @property
    def due_offset(self) -> int:
        """The offset of the youngest cause."""
        return max(cause.offset for cause in self.causes)


@dataclass(slots=True)
class Ahead:
    """Own events that were acked and not yet read back: an overlay beside the folded state."""

    events: dict[str, Entry] = field(default_factory=dict)
    mask: int = 0
    plan: Plan | None = None  # whose bits these are


_NOTHING_AHEAD = Ahead()


def due(plan: Plan, state: State, now_ms: int, ahead: Ahead = _NOTHING_AHEAD) -> list[Slot]:
    """Return the slots that may run at `now_ms` (ms since 1970), in the order of the spec."""
    found = pending(plan, state, ahead)
    if not found or (not state.tries and state.status is Status.RUNNING):
        return found
    return [slot for slot in found if _may_run(state, slot, now_ms)]


def pending(plan: Plan, state: State, ahead: Ahead = _NOTHING_AHEAD) -> list[Slot]:
    """Return the slots that have become due and have no answer, waiting and parked ones too."""
    found: list[Slot] = []
    if state.status is Status.EARLY:
        return found
    plan = plan.of(state.version)
    mask = state.mask | ahead.mask
    said = state.said | ahead.mask
    for step in plan.forward:
        if step.all_of & mask != step.all_of or step.excludes & said:
            continue
        if step.any_of and not all(types & state.mask for types in step.any_of):
            continue  # ahead of what was read, nobody knows which alternative came first
        slot = _bound(plan, state, step, ahead)
        if slot is not None and slot.id not in state.answers:
            found.append(slot)
    if state.requests:
        found.extend(slot for slot in _undo_slots(plan, state) if slot.id not in state.answers)
    return found


def is_unseen(slot: Slot) -> bool:
    """Whether the slot is in doubt and to be undone without learning its outcome."""
    return slot.in_doubt and slot.step.in_doubt == "undo"


def _may_run(state: State, slot: Slot, now_ms: int) -> bool:
    if is_unseen(slot):
        return False
    tries = state.tries.get(slot.id)
    return tries is None or (not tries.parked and tries.not_before <= now_ms)


def _bound(plan: Plan, state: State, step: PlannedStep, ahead: Ahead) -> Slot | None:
    """Return the slot of a step whose parameters have happened, if it goes on as things stand."""
    causes = _causes(step, state, ahead)
    in_doubt = False
    if state.status is not Status.RUNNING:
        bits = _bits(plan, causes)
        if state.status.ended:
            if not bits & plan.after_end:
                return None
        elif not bits & plan.reactions:
            if not may_have_started(step, state, causes):
                return None
            in_doubt = True
    if not in_doubt and _unreadable(causes):
        return None
    return _slot(state, step, causes, in_doubt=in_doubt)


def _unreadable(causes: tuple[Entry, ...]) -> bool:
    return True in [cause.rejected for cause in causes]  # a generator would take twice as long


def _bits(plan: Plan, causes: tuple[Entry, ...]) -> int:
    bits = 0
    for cause in causes:
        bits |= plan.bits[cause.type]
    return bits


def _causes(step: PlannedStep, state: State, ahead: Ahead) -> tuple[Entry, ...]:
    events, own = state.events, ahead.events
    if not step.any_of:
        return tuple([events.get(t[0]) or own[t[0]] for t in step.needs])
    found = []
    for types in step.needs:
        there = [
            e for t in types if (e := events.get(t) or own.get(t)) and e.place is not Place.LATE
        ]
        found.append(min(there, key=lambda entry: entry.offset))
    return tuple(found)


def may_have_started(step: PlannedStep, state: State, causes: tuple[Entry, ...]) -> bool:
    """Whether somebody who had not read the failure can have started this forward slot.

    What was read past the failure was read after it. Only an own event, acked and not read back,
    can have started a step past it, and never the pivot or what is beyond.
    """
    return all(
        cause.offset < state.failed_offset or (bool(cause.slot) and not step.irreversible)
        for cause in causes
    )


def _slot(state: State, step: PlannedStep, causes: tuple[Entry, ...], *, in_doubt: bool) -> Slot:
    ids = [cause.id for cause in causes]
    cached = state.slots.get(step.name)
    if cached is None or cached[0] != ids:
        cached = state.slots[step.name] = (ids, slot_id(state.round, ids, step.name))
    known = cached[1]
    tries = state.tries.get(known)
    if tries is None:
        return Slot(known, step, causes, in_doubt=in_doubt)
    return Slot(known, step, causes, "", tries.attempt, tries.since, in_doubt, tries.decided)


def slot_of(state: State, step: PlannedStep) -> str | None:
    """Return the slot of a forward step on what has happened; None while it lacks something."""
    if step.all_of & state.mask != step.all_of:
        return None
    if not all(types & state.mask for types in step.any_of):
        return None
    causes = _causes(step, state, _NOTHING_AHEAD)
    return slot_id(state.round, [cause.id for cause in causes], step.name)


def undo_causes(plan: Plan, state: State) -> Iterator[tuple[str, PlannedStep, list[Entry | None]]]:
    """Iterate over the open undos: what is undone, the step, and what its parameters are."""
    plan = plan.of(state.version)
    for undoes, request in state.requests.items():
        step = plan.undo_steps.get(request.type)
        if undoes in state.undone or step is None or step.undoes is None:
            continue
        there = {request.type: request, step.undoes.outcome: state.undoable(undoes)}
        yield (
            undoes,
            step,
            [
                next((e for t in types if (e := there.get(t) or state.events.get(t))), None)
                for types in step.needs
            ],
        )


def _undo_slots(plan: Plan, state: State) -> Iterator[Slot]:
    for undoes, step, causes in undo_causes(plan, state):
        found = tuple([cause for cause in causes if cause is not None and not cause.rejected])
        if len(found) < len(causes):
            continue
        slot = slot_id(state.round, [cause.id for cause in found], step.name)
        tries = state.tries.get(slot)
        attempt, since = (tries.attempt, tries.since) if tries else (0, 0)
        yield Slot(slot, step, found, undoes, attempt, since)


def open_undo(plan: Plan, state: State) -> bool:
    """Whether an undo was requested and not answered, or something still wants one."""
    plan = plan.of(state.version)
    undone = state.undone
    if any(undoes not in undone for undoes in state.requests):
        return True
    if any(stray not in undone for stray in state.strays):
        return True
    return state.failing and any(
        entry.id not in undone for entry in state.events.values() if entry.type in plan.undo_of
    )


def at_rest(plan: Plan, state: State) -> bool:
    """Whether nothing is left to do: no incident, no open undo, no slot without an answer."""
    return not state.incidents and not open_undo(plan, state) and not pending(plan, state)


class Doubt(Enum):
    """What the owner of a step does with a slot in doubt."""

    RUN = "run"  # once more under the same key, to learn the outcome
    SKIP = "skip"  # nobody started it
    PARK = "park"  # running again may do what cannot be undone: ask a person


def doubt(slot: Slot, *, owned_since: int, started: bool) -> Doubt:
    """Say how a slot in doubt is settled (rule 4).

    Args:
        slot: in doubt.
        owned_since: the high watermark taken when the present assignment began: what became due
            from a record at or past it, no earlier owner can have started.
        started: by this owner.
    """
    if not started and slot.attempt == 0 and slot.due_offset >= owned_since:
        return Doubt.SKIP
    parks = slot.step.in_doubt == "park" and not slot.decided
    return Doubt.PARK if parks or _unreadable(slot.causes) else Doubt.RUN


def next_timer(plan: Plan, state: State, past_ms: int = 0) -> int:
    """Return the first time after `past_ms` when something becomes due by time alone.

    In ms since 1970; `FOREVER` when there is none.
    """
    times = [t.not_before for t in state.tries.values() if not t.parked]
    times.extend(when for _, when in deadlines(plan, state))
    return min([when for when in times if when > past_ms], default=FOREVER)


def deadlines(plan: Plan, state: State) -> Iterator[tuple[str, int]]:
    """Iterate over the deadlines that run, as (event type, ms since 1970)."""
    events, plan = state.events, plan.of(state.version)
    if state.status is not Status.RUNNING or plan.spec.completes in events:
        return
    for deadline in plan.deadlines.values():
        after = events.get(deadline.after)
        if after is None or after.rejected or deadline.unless in events or deadline.type in events:
            continue
        yield deadline.type, after.time + deadline.within_ms
