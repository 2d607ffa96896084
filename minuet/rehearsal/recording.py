"""What the log has of one saga, as a rehearsal asks for it: inputs, places, what was left open."""

from __future__ import annotations

from collections.abc import Sequence

from minuet.core.decide import decide
from minuet.core.due import deadlines, next_timer, pending
from minuet.core.fold import fold
from minuet.core.plan import Plan, Role
from minuet.core.state import COUNTS, Entry, State
from minuet.event.record import BY, REJECTS, STEP, WORKFLOW_VERSION, Record

Inputs = tuple[str, tuple[tuple[str, str], ...]]
"""A step, and type and digest of each event it ran on."""


class Recording:
    """One saga's records in their order, folded by the plan that they were recorded under.

    Args:
        plan: of the workflow as it was recorded, with the versions before it.
        records: of the saga, all of them, in their order.

    Attributes:
        plan: of the version that the saga began under.
        state: after the last record.
        notes: what each record was counted as; empty for one that had its effect.
        failing: before each record, whether the saga was failing.
        rejected: offset of a value that cannot be read -> the place of the record that says so.
        digests: id -> digest of the record that counts.
        last_of: id or slot -> the place of the last record of it.
        inputs: the place of a slot's answer -> what its step ran on.
        last_with: inputs -> the place of the last answer to them.
        open_slots, open_says, open_deadlines: what was still to be done when the recording ends.
    """

    def __init__(self, plan: Plan, records: Sequence[Record]) -> None:
        self._whole, self.records = plan, records
        versions = (record.text(WORKFLOW_VERSION) for record in records)
        self.plan = plan.of(next(filter(None, versions), ""))
        self.state = State(records[0].key)
        self.notes: list[str] = []
        self.failing: list[bool] = []
        self.rejected: dict[int, int] = {}
        self.digests: dict[str, str] = {}
        self.last_of: dict[str, int] = {}
        self.inputs: dict[int, Inputs] = {}
        self.last_with: dict[Inputs, int] = {}
        self.answers: dict[str, Record] = {}
        self._types: dict[str, str] = {}
        for place, record in enumerate(records):
            self._take(place, record)
        self._close()

    @property
    def began(self) -> bool:
        """Whether the begin event is among the records."""
        return any(self.plan.role(record.type) is Role.BEGIN for record in self.records)

    def _take(self, place: int, record: Record) -> None:
        state = self.state
        before = dict(state.counts)
        self.failing.append(state.failing)
        fold(self._whole, state, record)
        rose = (name for name in COUNTS if state.counts.get(name, 0) > before.get(name, 0))
        self.notes.append(next(rose, "") if state.counts else "")
        if REJECTS in record.headers:
            self.rejected[record.number(REJECTS)] = place
        self.digests.setdefault(record.id, record.digest)
        self._types.setdefault(record.id, record.type)
        self.last_of[record.id] = place
        if record.headers.get(BY):
            self.digests.update({entry.id: entry.digest for entry in state.ids.values()})
        if not record.slot:
            return
        self.last_of[record.slot] = place
        if record.causes and not record.headers.get(BY):
            found = sorted((self._types.get(c, ""), self.digests.get(c, "")) for c in record.causes)
            inputs = self.inputs[place] = (record.text(STEP), tuple(found))
            self.last_with[inputs] = place
            self.answers.setdefault(record.slot, record)

    def _close(self) -> None:
        plan, state = self._whole, self.state
        self.open_slots = {slot.id for slot in pending(plan, state)}
        self.open_says = {say.id for say in decide(plan, state, state.at)}
        self.open_deadlines = {event_type for event_type, _ in deadlines(plan, state)}
        self.outcome = outcome(plan, state)


def inputs_of(step: str, causes: Sequence[Entry]) -> Inputs:
    """Return what a step would run on."""
    return step, tuple(sorted((cause.type, cause.digest) for cause in causes))


def outcome(plan: Plan, state: State) -> str:
    """Return how a saga stands, in one word.

    `completed`, `compensated`; `incident`, when it waits for a person; `running`, when something
    is to be done; `stuck`, when nothing ever will be; `early`, when it has not begun.
    """
    if state.incidents:
        return "incident"
    if state.status.ended or state.status.value == "early":
        return state.status.value
    goes_on = pending(plan, state) or decide(plan, state, state.at) or state.tries
    return "running" if goes_on or next_timer(plan, state) < 1 << 62 else "stuck"
