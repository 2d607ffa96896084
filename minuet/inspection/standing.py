"""Where a saga stands: what is due, what is waited for, and what only a person can settle."""

from __future__ import annotations

from dataclasses import dataclass, field

from minuet.core.decide import decide
from minuet.core.due import Slot, deadlines, pending
from minuet.core.plan import Plan
from minuet.core.state import State, Status
from minuet.event.record import BY, LATE, REASON, timestamp
from minuet.inspection.history import History


@dataclass(frozen=True)
class Happened:
    """An event that had its effect."""

    type: str
    offset: int
    time: str
    late: bool


@dataclass(frozen=True)
class Task:
    """A step that is to be run.

    Args:
        state: `due`, `waiting` (until `until`) or `parked` (for a person).
        attempts: that the log knows of.
        in_doubt: the saga fails, and the step may have taken effect without an answer.
    """

    step: str
    slot: str
    state: str
    attempts: int
    until: str = ""
    in_doubt: bool = False


@dataclass(frozen=True)
class Lacking:
    """A step that has some of what it needs, and not this."""

    step: str
    lacks: tuple[str, ...]


@dataclass(frozen=True)
class Undoing:
    """An outcome that is being undone, `asked` for or `done` or neither yet."""

    outcome: str
    id: str
    state: str


@dataclass(frozen=True)
class Open:
    """An incident."""

    kind: str
    about: str
    offset: int
    reason: str


@dataclass(frozen=True)
class Running:
    """A deadline that runs."""

    type: str
    at: str


@dataclass(frozen=True)
class Acted:
    """What a person did; `note` is what it counted as, empty when it had its effect."""

    type: str
    offset: int
    time: str
    by: str
    why: str
    note: str


@dataclass(frozen=True)
class Standing:
    """A saga as the log tells it now.

    Args:
        failed_by: the type of the event that made it fail; empty once it is at rest.
        coordinator_says: what the coordinator is about to say.
    """

    saga: str
    status: str
    partition: int
    log_offset: int
    at: str
    round: str
    version: str
    failed_by: str
    events: list[Happened] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    lacking: list[Lacking] = field(default_factory=list)
    undoing: list[Undoing] = field(default_factory=list)
    deadlines: list[Running] = field(default_factory=list)
    incidents: list[Open] = field(default_factory=list)
    actions: list[Acted] = field(default_factory=list)
    coordinator_says: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)


def standing(plan: Plan, history: History, now_ms: int) -> Standing:
    """Return where a saga stands at `now_ms` (ms since 1970)."""
    state = history.state
    failed_by = state.ids.get(state.failed_by)
    return Standing(
        history.saga,
        state.status.value,
        history.partition,
        state.log_offset,
        timestamp(state.at).decode(),
        state.round,
        state.version,
        failed_by.type if failed_by else "",
        events=[
            Happened(r.type, r.offset, timestamp(r.time).decode(), LATE in r.headers)
            for r, note in zip(history.records, history.notes, strict=True)
            if not note
        ],
        tasks=[_task(state, slot, now_ms) for slot in pending(plan, state)],
        lacking=lacking(plan, state),
        undoing=_undoing(plan, state),
        deadlines=[Running(name, timestamp(at).decode()) for name, at in deadlines(plan, state)],
        incidents=[Open(i.kind, i.about, i.offset, i.reason) for i in state.incidents.values()],
        actions=_actions(history),
        coordinator_says=[say.type for say in decide(plan, state, now_ms)],
        counts=dict(state.counts),
    )


def _actions(history: History) -> list[Acted]:
    return [
        Acted(r.type, r.offset, timestamp(r.time).decode(), r.text(BY), r.text(REASON), note)
        for r, note in zip(history.records, history.notes, strict=True)
        if r.headers.get(BY)
    ]


def _task(state: State, slot: Slot, now_ms: int) -> Task:
    tries = state.tries.get(slot.id)
    name, until = "due", ""
    if tries is not None and tries.parked:
        name = "parked"
    elif tries is not None and tries.not_before > now_ms:
        name, until = "waiting", timestamp(tries.not_before).decode()
    return Task(slot.step.name, slot.id, name, slot.attempt, until, slot.in_doubt)


def lacking(plan: Plan, state: State) -> list[Lacking]:
    """Return the steps that wait for an event; in a failing saga nobody waits for one any more."""
    if state.status is not Status.RUNNING:
        return []
    found = []
    for step in plan.of(state.version).forward:
        if step.excludes & state.said:
            continue
        there = [any(t in state.events for t in types) for types in step.spec.needs]
        if any(there) and not all(there):
            lacks = (types for types, has in zip(step.spec.needs, there, strict=True) if not has)
            found.append(Lacking(step.name, tuple(" | ".join(types) for types in lacks)))
    return found


def _undoing(plan: Plan, state: State) -> list[Undoing]:
    plan, wanted = plan.of(state.version), [*state.strays.values()]
    if state.failing:
        wanted += [entry for entry in state.events.values() if entry.type in plan.undo_of]
    return [
        Undoing(
            entry.type, entry.id,
            "done" if entry.id in state.undone else "asked" if entry.id in state.requests else "",
        )
        for entry in sorted(wanted, key=lambda entry: -entry.offset)
    ]  # fmt: skip
