"""One recorded saga under another version of its workflow: what would have been said, and when.

The recording is gone through in its order. Begin events, events from outside and persons' actions
are as they were. What a step or the coordinator said stands again where the version says it too:
pure steps are run anew; steps with resources are taken as recorded where their inputs are equal.
What the recording does not have is said at once, when it is due; nothing is read from a clock.
"""

from __future__ import annotations

from minuet.core.decide import Say, decide
from minuet.core.due import FOREVER, Slot, deadlines, pending
from minuet.core.fold import fold
from minuet.core.plan import Plan, Role
from minuet.core.state import Entry, State
from minuet.event.ids import answer_id, attempt_id
from minuet.event.model import Event
from minuet.event.platform import PLATFORM_EVENTS
from minuet.event.record import ATTEMPT, BY, CAUSES, ID, LATE, REJECTS, SLOT, Record, parse
from minuet.rehearsal.recording import GAVE_UP, Recording
from minuet.rehearsal.sayings import GivesUp, Sayings
from minuet.rehearsal.trying import Unknown

_APART = 20  # bits between two recorded offsets, for what is said between them


class Course:
    """A saga gone through once.

    Args:
        recording: of the saga.
        plan: of the version it is rehearsed under; `same`: it is the one it was recorded under.
        sayings: what its steps and its coordinator say, fresh for each saga.

    Attributes:
        state: at the end.
        dropped, added: records that are not said again, and those said in their place or anew.
        unknown: step -> why it is not known what it would say.
        blocked: slots of steps that may say more than one thing, and nobody knows which.
    """

    def __init__(self, recording: Recording, plan: Plan, sayings: Sayings, *, same: bool) -> None:
        self.recording, self.plan = recording, plan
        self.state = State(recording.state.saga_id)
        self.dropped: list[Record] = []
        self.added: list[Record] = []
        self.unknown: dict[str, str] = {}
        self.blocked: set[str] = set()
        self._sayings = sayings
        self._apart = not same  # whether it may go another way than the recording from here on
        self._place = -1
        self._offset = -1
        self._now = 0
        self._as_recorded: set[str] = set()

    def go(self) -> None:
        """Go through the recording, and on to where it would have ended."""
        for place, record in enumerate(self.recording.records):
            if self._apart:
                self._let_time_pass(record.time)
            self._place, self._now = place, max(self._now, record.time)
            self._at(record)
            if self._apart:
                self._say_what_is_due()
        self._place = len(self.recording.records)
        if self._apart:
            self._say_what_is_due()
            self._let_time_pass(None)

    # -- a recorded record ----------------------------------------------------------------------

    def _at(self, record: Record) -> None:
        if record.headers.get(BY):
            self._person(record)
        elif record.slot:
            self._slot(record)
        elif record.type == "RecordRejected":
            self._rejected(record)
        elif self._is_coordinators(record.type):
            self._coordinator(record)
        else:
            self._feed(record)

    def _is_coordinators(self, name: str) -> bool:
        return any(
            plan.role(name) in (Role.REQUEST, Role.END) or name in plan.deadlines
            for plan in (self.plan, self.recording.plan)
        )

    def _person(self, record: Record) -> None:
        state = self.state
        gone = False
        if self._apart and record.type == "SagaCancelled":
            pivot, before = self.plan.spec.pivot, self.recording.records[: self._place]
            past = pivot in state.events and all(each.type != pivot for each in before)
            gone = past or state.status.ended
        elif self._apart and record.type == "StepResumed":
            tries = state.tries.get(record.slot)
            gone = tries is None or not tries.parked
        elif self._apart and record.slot:
            unread = any(entry.rejected for entry in state.entries())
            gone = record.slot not in self._pending() and not unread
        if gone:
            self._drop(record)
        else:
            self._feed(record)

    def _slot(self, record: Record) -> None:
        slot = self._pending().get(record.slot)
        if slot is None:
            self._not_due(record)
        elif record.type == "StepSkipped":
            self._feed(record) if slot.in_doubt else self._drop(record)
        elif self._sayings.runs(slot.step.name):
            self._again(slot, record)
        elif self.recording.is_equal(slot) and self._may_say(slot, record):
            self._feed(record, late=slot.in_doubt and not self.recording.failing[self._place])
        else:
            self._drop(record)
            self._do(slot)

    def _may_say(self, slot: Slot, record: Record) -> bool:
        return record.type in PLATFORM_EVENTS or record.type in slot.step.spec.says

    def _not_due(self, record: Record) -> None:
        """A record of a slot that nobody waits for: a second answer, or one of another way."""
        again = self._as_recorded.issuperset(record.causes) and (
            self.recording.notes[self._place] != "" or record.slot in self._as_recorded
        )
        if not self._apart or again:
            self._feed(record)
            return
        inputs = self.recording.inputs.get(self._place)
        for slot in self._pending().values():
            is_it = inputs and self.recording.inputs_of(slot) == inputs
            if is_it and not self._sayings.runs(slot.step.name) and self._may_say(slot, record):
                self._feed_anew(record, self._for_slot(slot, record))
                return
        self._drop(record)

    def _for_slot(self, slot: Slot, record: Record) -> Record:
        """A recorded answer, or giving up, as of another slot of the step with equal inputs."""
        headers = {**record.headers, SLOT: slot.id.encode()}
        if record.type == GAVE_UP:
            identity = attempt_id(slot.id, GAVE_UP, record.number(ATTEMPT))
        else:
            identity = answer_id(slot.id, record.type)
            headers[CAUSES] = ",".join(cause.id for cause in slot.causes).encode()
        headers[ID] = identity.encode()
        return parse(record.key.encode(), record.value, headers.items(), 0, record.time)

    def _again(self, slot: Slot, record: Record) -> None:
        """Run a step once more, and keep the record if it comes to the same."""
        result = self._sayings.tried(slot, self.state)
        if isinstance(result, Event):
            said = self.recording.answers.get(slot.id)
            answer = self._sayings.result(slot, self.state, result, self._now)
            same = said is not None and (said.type, said.digest) == (answer.type, answer.digest)
            if same and self.recording.is_equal(slot):
                self._feed(record, late=slot.in_doubt and not self.recording.failing[self._place])
            else:
                self._feed_anew(record, answer)
        elif isinstance(result, GivesUp) and record.type in ("StepRetrying", "StepGaveUp"):
            self._feed(record)
        else:
            self._drop(record)
            self._do(slot)

    def _rejected(self, record: Record) -> None:
        """A value that could not be read; another version may be able to."""
        offset = record.number(REJECTS) << _APART
        entry = next((e for e in self.state.entries() if e.offset == offset), None)
        if self._apart and (entry is None or self._reads(entry)):
            self._drop(record)
        else:
            self._feed(record)

    def _reads(self, entry: Entry) -> bool:
        return entry.value is not None and self._sayings.reads(entry)

    def _coordinator(self, record: Record) -> None:
        if not self._apart:
            self._feed(record)
            return
        name = record.type
        stands = name in self.plan.deadlines and self._as_planned(name)  # whenever it came
        says = {s.id: s for s in decide(self.plan, self.state, FOREVER if stands else self._now)}
        if record.id in says:
            self._say(says[record.id], record)
        elif record.id in self._as_recorded or (stands and self._counts(name)):
            self._feed(record)  # once more, or without effect
        else:
            self._drop(record)

    def _counts(self, deadline: str) -> bool:
        """Whether a deadline has begun to run, so that its event may come, if only too late."""
        after = self.plan.deadlines[deadline].after
        return self.state.status.ended or after in self.state.events

    # -- what the recording does not have ---------------------------------------------------------

    def _say_what_is_due(self) -> None:
        """Say what is due now and has no place further on in the recording."""
        while self._one_more():
            pass

    def _one_more(self) -> bool:
        recording = self.recording
        if recording.rejected and self._waits_for_rejection():
            return False
        for say in decide(self.plan, self.state, self._now):
            times = say.type in self.plan.deadlines
            moved = times and not self._as_planned(say.type)
            if (times and self.blocked) or (self._is_ahead(say.id) and not moved):
                continue
            if say.id in recording.open_says and not self._over:
                continue
            self._say(say, None)
            return True
        for slot in self._pending().values():
            tries = self.state.tries.get(slot.id)
            parked = tries is not None and tries.parked
            if parked or slot.id in self.blocked or self._has_place(slot):
                continue
            self._do(slot)
            return True
        return False

    def _waits_for_rejection(self) -> bool:
        """Whether a value that cannot be read here either is found to be so further on."""
        ahead = {o << _APART for o, place in self.recording.rejected.items() if place > self._place}
        return any(e.offset in ahead and not self._reads(e) for e in self.state.entries())

    @property
    def _over(self) -> bool:
        return self.recording.state.status.ended

    def _is_ahead(self, name: str) -> bool:
        return self.recording.last_of.get(name, -1) > self._place

    def _as_planned(self, deadline: str) -> bool:
        return self.recording.plan.deadlines.get(deadline) == self.plan.deadlines[deadline]

    def _has_place(self, slot: Slot) -> bool:
        """Whether the recording says further on, or left open, what becomes of the slot."""
        recording = self.recording
        if self._is_ahead(slot.id):
            return True
        if slot.id in recording.open_slots and self.recording.is_equal(slot):
            return True
        if self._sayings.runs(slot.step.name):
            return False
        inputs = recording.inputs_of(slot)
        return recording.last_with.get(inputs, -1) > self._place

    def _let_time_pass(self, until: int | None) -> None:
        """Let deadlines come that the recording does not have, or has at another time."""
        while not self.blocked:
            waiting = [
                when
                for name, when in deadlines(self.plan, self.state)
                if not (self._as_planned(name) and name in self.recording.open_deadlines)
                and (until is None or when < until)
                and when > self._now
            ]
            if not waiting or (until is None and self.state.incidents):
                return
            self._now = min(waiting)
            self._say_what_is_due()

    def _do(self, slot: Slot) -> None:
        """Run a slot that the recording knows nothing of, or say that nobody knows."""
        sayings, state = self._sayings, self.state
        if slot.in_doubt and not self._is_recorded(slot):
            self._add(sayings.skipped(slot, state, self._now))
            return
        result = sayings.tried(slot, state)
        if isinstance(result, Unknown):
            self._leave_unknown(slot, result.why)
        else:
            self._add(sayings.result(slot, state, result, self._now))

    def _is_recorded(self, slot: Slot) -> bool:
        return slot.id in self.recording.last_of

    def _leave_unknown(self, slot: Slot, why: str) -> None:
        """A step that can say one thing says that, and nobody knows its fields."""
        step = slot.step
        self.unknown.setdefault(step.name, why)
        self._apart = True
        if len(step.spec.says) > 1:
            self.blocked.add(slot.id)
            return
        self._add(self._sayings.assumed(slot, self.state, self._now))

    def _say(self, say: Say, recorded: Record | None) -> None:
        record = self._sayings.said(say, self.state, self._now)
        if recorded is not None and recorded.digest == record.digest:
            self._feed(recorded)
        elif recorded is not None:
            self._feed_anew(recorded, record)
        else:
            self._add(record)

    # -- records -----------------------------------------------------------------------------------

    def _pending(self) -> dict[str, Slot]:
        return {slot.id: slot for slot in pending(self.plan, self.state)}

    def _feed(self, record: Record, *, late: bool = False) -> None:
        """Fold a record as it was."""
        headers = dict(record.headers)
        if late:
            headers[LATE] = b"1"
        if REJECTS in headers:
            headers[REJECTS] = str(int(headers[REJECTS]) << _APART).encode()
        self._as_recorded.update((record.id, record.slot))
        self._fold(record, max(self._offset + 1, record.offset << _APART), record.time, headers)

    def _feed_anew(self, record: Record, instead: Record) -> None:
        self._drop(record)
        self._add(instead)

    def _drop(self, record: Record) -> None:
        self._apart = True
        self.dropped.append(record)

    def _add(self, record: Record) -> None:
        self._apart = True
        self.added.append(record)
        headers = dict(record.headers)
        self._fold(record, self._offset + 1, self._now, headers)

    def _fold(self, record: Record, offset: int, time: int, headers: dict[str, bytes]) -> None:
        self._offset = offset
        again = Record(
            record.key, offset, time, record.id, record.type, record.slot, record.value, headers
        )
        fold(self.plan, self.state, again)
