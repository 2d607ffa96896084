"""A saga as one looks at it before acting: its log, the fold of that, and what is pending. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from minuet.action.wish import Deed
from minuet.core.due import Slot, pending
from minuet.core.plan import ENDS, Plan
from minuet.core.state import Entry, Place, State, Status
from minuet.core.table import CLOCKS_APART_MS
from minuet.event.record import (
    BY,
    CAUSES,
    LATE,
    ROUND,
    SLOT,
    STEP,
    UNDOES,
    Headers,
    Record,
    timestamp,
)
from minuet.inspection.history import History, fold

NOBODYS = "-"  # what stands for the step where no step says an event


@dataclass
class View:
    """A saga at `now_ms` (ms since 1970)."""

    plan: Plan
    history: History
    now_ms: int
    pending: list[Slot] = field(init=False)

    def __post_init__(self) -> None:
        self.pending = pending(self.plan, self.state)

    @property
    def rules(self) -> Plan:
        """The plan of the version that the saga goes by."""
        return self.plan.of(self.state.version)

    @property
    def state(self) -> State:
        """The fold of its log."""
        return self.history.state

    @property
    def is_over(self) -> bool:
        """Whether it may be forgotten by the time that something more is said about it."""
        state, spec = self.state, self.plan.spec
        if state.status is Status.EARLY:
            kept = spec.early_ms
        elif state.status.ended and not state.seen:
            kept = spec.duplicate_horizon_ms
        else:
            return False
        return self.now_ms - state.at > kept - CLOCKS_APART_MS

    def effective(self) -> Iterator[Record]:
        """Iterate over the records of this round that had their effect, the last first."""
        found = list(zip(self.history.records, self.history.notes, strict=True))
        for record, note in reversed(found):
            if not note:
                yield record
                begins = record.type == self.plan.spec.begins and not record.headers.get(BY)
                if begins or record.type == "SagaRedone":
                    return

    def persons(self, event_type: str) -> Iterator[Record]:
        """Iterate over a person's records of this type that had their effect, the last first."""
        return (r for r in self.effective() if r.type == event_type and r.headers.get(BY))

    def with_id(self, event_id: str) -> Record | None:
        """Return the first record with this id."""
        return next((r for r in self.history.records if r.id == event_id), None)

    def at(self, offset: int) -> Record | None:
        """Return the record at an offset."""
        return next((r for r in self.history.records if r.offset == offset), None)

    def is_parked(self, slot: Slot) -> bool:
        """Whether a slot waits for a person."""
        tries = self.state.tries.get(slot.id)
        return tries is not None and tries.parked

    def said_by(self, entry: Entry) -> str:
        """Return the step that says such an event, or `-`."""
        return self.rules.said_by.get(entry.type, NOBODYS)

    def unreadable(self) -> list[Entry]:
        """Return the events whose value a person may give again: somebody waits for it."""
        needed = {cause.id for slot in self.pending for cause in slot.causes}
        needed.update(self.state.incidents)
        return [
            entry
            for entry in self.state.entries()
            if entry.rejected
            and entry.id in needed
            and entry.place not in (Place.REQUEST, Place.SKIP)
            and entry.type not in ENDS
        ]

    def trial(self, deed: Deed) -> tuple[str, State]:
        """Return what the log would count the event as, and the saga after it.

        The count is empty when the event would have its effect.
        """
        headers = dict(fold_headers(deed, self.state, "somebody"))
        last = self.history.records[-1]
        trial = Record(
            self.history.saga, last.offset + 1, last.time, deed.id, deed.type, deed.slot, b"",
            headers,
        )  # fmt: skip
        notes, state = fold(self.plan, [*self.history.records, trial])
        return notes[-1], state

    def stands(self, step: str) -> str:
        """Say how things are with a step that is not parked."""
        state, plan = self.state, self.rules
        if step not in plan.steps:
            known = ", ".join(plan.steps)
            return f"{plan.spec.name} has no step {step}, and the saga no such slot: it has {known}"
        slot = next((slot for slot in self.pending if slot.step.name == step), None)
        if slot is not None:
            tries = state.tries.get(slot.id)
            if tries is not None and tries.not_before > self.now_ms:
                return f"{step} is not parked: it runs again at {moment(tries.not_before)}"
            return f"{step} is not parked: a worker is to run it"
        said = next((t for t in plan.steps[step].spec.says if t in state.events), "")
        if said:
            return f"{step} has answered: {said}"
        return f"{step} is not parked: it has nothing to do as the saga stands"


def fold_headers(deed: Deed, state: State, by: str) -> Headers:
    """Return the headers of a deed that the fold reads."""
    named = {
        SLOT: deed.slot, STEP: deed.step, CAUSES: ",".join(deed.causes),
        UNDOES: deed.undoes, LATE: "1" if deed.late else "", BY: by, ROUND: state.round,
    }  # fmt: skip
    return [(name, text.encode(errors="replace")) for name, text in named.items() if text]


def moment(ms: int) -> str:
    """Return a time (ms since 1970) as people and tools read it."""
    return timestamp(ms).decode()
