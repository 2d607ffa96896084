"""What the log has of one saga, as a rehearsal asks for it: inputs, places, what was left open."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from minuet.core.decide import decide
from minuet.core.due import Slot, deadlines, next_timer, pending
from minuet.core.fold import fold
from minuet.core.plan import Plan, Role
from minuet.core.state import COUNTS, Entry, State
from minuet.event.platform import PLATFORM_EVENTS
from minuet.event.record import BY, REJECTS, STEP, WORKFLOW_VERSION, Record
from minuet.rehearsal.contents import as_written

Inputs = tuple[str, tuple[tuple[str, str], ...]]
"""A step, and type and digest of each event it ran on."""

Content = Callable[[Record | Entry], str]
"""The digest of what an event holds."""

GAVE_UP = "StepGaveUp"


class Recording:
    """One saga's records in their order, folded by the plan that they were recorded under.

    What a step said is asked for by its inputs: in the slot that it was said in, else in any slot
    of the same step whose inputs hold the same. That it gave up is an answer too, if it is all.

    Args:
        plan: of the workflow as it was recorded, with the versions before it.
        records: of the saga, all of them, in their order.
        content: digests what events hold, so that equal content is found to be equal.

    Attributes:
        plan: of the version that the saga began under.
        state: after the last record.
        notes: what each record was counted as; empty for one that had its effect.
        failing: before each record, whether the saga was failing.
        rejected: offset of a value that cannot be read -> the place of the record that says so.
        digests: id -> digest of what the record that counts holds.
        last_of: id or slot -> the place of the last record of it.
        inputs: the place of a slot's answer, or giving up -> what its step ran on.
        answers: slot -> its first answer by its step.
        last_with: inputs -> the place of the last answer to them.
        open_slots, open_says, open_deadlines: what was still to be done when the recording ends.
    """

    def __init__(
        self, plan: Plan, records: Sequence[Record], content: Content = as_written
    ) -> None:
        self._whole, self.records, self.content = plan, records, content
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
        self._said: dict[str, tuple[Inputs, Record]] = {}
        self._first_with: dict[Inputs, Record] = {}
        self._types: dict[str, str] = {}
        for place, record in enumerate(records):
            self._take(place, record)
        self._close()

    @property
    def began(self) -> bool:
        """Whether the begin event is among the records."""
        return any(self.plan.role(record.type) is Role.BEGIN for record in self.records)

    def is_equal(self, slot: Slot) -> bool:
        """Whether the causes of a slot hold what they held then."""
        return all(self.digests.get(cause.id) == self.content(cause) for cause in slot.causes)

    def inputs_of(self, slot: Slot) -> Inputs:
        """What the step of a slot would run on."""
        causes = ((cause.type, self.content(cause)) for cause in slot.causes)
        return slot.step.name, tuple(sorted(causes))

    def has_said(self, slot: str) -> bool:
        """Whether the slot was answered, or given up."""
        return slot in self._said

    def reply(self, slot: str, inputs: Inputs) -> Record | None:
        """What was said to these inputs: in this slot, else where they first were the same."""
        own = self._said.get(slot)
        if own is not None and own[0] == inputs:
            return own[1]
        return self._first_with.get(inputs)

    def _take(self, place: int, record: Record) -> None:
        state = self.state
        before = dict(state.counts)
        self.failing.append(state.failing)
        inputs = self._inputs(record) if record.slot else None
        fold(self._whole, state, record)
        rose = (name for name in COUNTS if state.counts.get(name, 0) > before.get(name, 0))
        self.notes.append(next(rose, "") if state.counts else "")
        if REJECTS in record.headers:
            self.rejected[record.number(REJECTS)] = place
        self.digests.setdefault(record.id, self.content(record))
        self._types.setdefault(record.id, record.type)
        self.last_of[record.id] = place
        if record.headers.get(BY):
            held = {entry.id: self.content(entry) for entry in state.ids.values()}
            self.digests.update(held)
        if record.slot:
            self.last_of[record.slot] = place
            if inputs is not None:
                self._answered(place, record, inputs)

    def _inputs(self, record: Record) -> Inputs | None:
        """What the step ran on that says this; None for what is no answer and no giving up."""
        if record.causes and not record.headers.get(BY):
            found = sorted((self._types.get(c, ""), self.digests.get(c, "")) for c in record.causes)
            return record.text(STEP), tuple(found)
        if record.type != GAVE_UP and record.type in PLATFORM_EVENTS:
            return None
        slots = pending(self._whole, self.state)
        return next((self.inputs_of(slot) for slot in slots if slot.id == record.slot), None)

    def _answered(self, place: int, record: Record, inputs: Inputs) -> None:
        said = self._said.get(record.slot)
        if said is None or (said[1].type == GAVE_UP and not self.notes[place]):
            self._said[record.slot] = inputs, record
        if record.headers.get(BY):
            return  # it stands in its slot, and is nobody's answer elsewhere
        self.inputs[place] = inputs
        self.last_with[inputs] = place
        if record.type != GAVE_UP:
            self.answers.setdefault(record.slot, record)
        first = self._first_with.get(inputs)
        if not self.notes[place] and (first is None or first.type == GAVE_UP):
            self._first_with[inputs] = record

    def _close(self) -> None:
        plan, state = self._whole, self.state
        self.open_slots = {slot.id for slot in pending(plan, state)}
        self.open_says = {say.id for say in decide(plan, state, state.at)}
        self.open_deadlines = {event_type for event_type, _ in deadlines(plan, state)}
        self.outcome = outcome(plan, state)


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
