"""Two workers and a log, with all that can happen between them; a tape decides what does.

A worker folds some prefix of the log and acts on that. One that was replaced goes on with what it
had read and does not know better: a zombie. Handlers have effects; a crash before the append
leaves an effect that only running again can learn of.

Taken for granted, since an engine looks at its assignment before it does either: a zombie does
not say that a slot was never started, and does not lose what it ran inline.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from minuet.core.decide import decide
from minuet.core.due import Ahead, Doubt, Slot, doubt, due, next_timer, pending
from minuet.core.plan import ENDS, Plan, compile_plan
from minuet.core.state import Entry, Place, State, Status
from minuet.core.table import Table
from minuet.event import ids
from minuet.event.record import DIGEST, Record
from minuet.spec.model import Spec
from tests.unit.core.story import BEGAN_MS, HOUR_MS
from tests.unit.core.workflows import Tape, renamed, workflow

KEY = "saga"
ROUNDS_MOST = 300
HAPPENINGS = 40


@dataclass(eq=False)
class Owner:
    """A worker: what it has read, and what it has in hand beside that.

    `since` is the high watermark of its assignment; `reads_to` is set once it was replaced.
    """

    plan: Plan
    table: Table
    position: int
    since: int
    reads_to: int | None = None
    read_through: int = 0
    runs: dict[str, str] = field(default_factory=dict)
    started: set[str] = field(default_factory=set)
    saying: set[str] = field(default_factory=set)
    ahead: Ahead = field(default_factory=Ahead)

    @property
    def state(self) -> State:
        state = self.table.get(KEY)
        assert state is not None
        return state

    @property
    def is_zombie(self) -> bool:
        return self.reads_to is not None


@dataclass(eq=False)
class Pending:
    """An append under way; what a dead worker had under way may never land."""

    owner: Owner
    type: str
    id: str
    headers: Mapping[str, str]
    may_be_lost: bool = True


class World:
    """One saga, its log, the rows that workers stored, and the effects of handlers."""

    def __init__(self, spec: Spec, tape: Tape, *, faults: bool = True) -> None:
        self.spec, self.tape, self.faults = spec, tape, faults
        self.log: list[Record] = []
        self.time = BEGAN_MS
        self.rows: list[bytes] = []
        self.committed = 0
        self.under_way: list[Pending] = []
        self.effects: dict[str, Slot] = {}
        self.persons = 0
        self.append(spec.begins, ids.begin_id(spec.name, spec.begins, KEY), {})
        self.owners = [Owner(compile_plan(spec), Table(compile_plan(spec)), 0, 0)]
        self.read(self.current, 1)

    @property
    def current(self) -> Owner:
        return self.owners[-1]

    # -- the log ---------------------------------------------------------------------------

    def append(self, event_type: str, event_id: str, headers: Mapping[str, str]) -> Record:
        body = f"{event_type} {headers.get('by', '')}".encode()
        named = {f"ce_{name}": text.encode() for name, text in headers.items() if text}
        named[DIGEST] = ids.body_digest(body).encode()
        self.time += 1
        record = Record(
            KEY, len(self.log), self.time, event_id, event_type, headers.get("slot", ""), body,
            named,
        )  # fmt: skip
        self.log.append(record)
        return record

    def read(self, owner: Owner, most: int) -> None:
        """Let a worker fold on."""
        end = len(self.log) if owner.reads_to is None else owner.reads_to
        for record in self.log[owner.position : min(end, owner.position + most)]:
            owner.table.fold(record)
            owner.position = record.offset + 1
            owner.saying.discard(record.id)
            if owner.runs.get(record.slot) == record.id:
                del owner.runs[record.slot]
            if owner.ahead.events.pop(record.type, None) is not None:
                owner.ahead.mask &= ~owner.plan.bits[record.type]
        if not owner.is_zombie and owner.position == len(self.log):
            owner.read_through = self.time

    def deliver(self, *, may_lose: bool = True) -> None:
        """Let an append that was under way land, or never."""
        if self.under_way:
            late = self.under_way.pop(self.tape.pick(len(self.under_way)))
            gone = late.owner.is_zombie and late.may_be_lost
            if not (gone and may_lose and self.tape.once_in(3)):
                self.append(late.type, late.id, late.headers)

    # -- what a worker does ----------------------------------------------------------------

    def run_one(self, owner: Owner) -> None:
        slots = [s for s in due(owner.plan, owner.state, self.time) if s.id not in owner.runs]
        if slots:
            self.run(owner, slots[self.tape.pick(len(slots))])

    def run(self, owner: Owner, slot: Slot, *, inline: bool = False) -> None:
        """Run a handler, or settle without running it what is in doubt."""
        if slot.in_doubt:
            choice = doubt(slot, owned_since=owner.since, started=slot.id in owner.started)
            if choice is Doubt.SKIP and owner.is_zombie:
                return
            if choice is Doubt.SKIP:
                identity = ids.answer_id(slot.id, "StepSkipped")
                self._say(owner, slot, "StepSkipped", identity)
                return
            if choice is Doubt.PARK:
                self._say_attempt(owner, slot, "StepGaveUp")
                return
        assert all(cause.value is not None for cause in slot.causes), "bytes that are needed"
        self._start(owner, slot)
        fate = self.tape.pick(5 if inline and owner.is_zombie else 8) if self.faults else 0
        if fate == 7:
            self._say_attempt(owner, slot, "StepGaveUp")
        elif fate == 6:
            self._say_attempt(owner, slot, "StepRetrying", notbefore=str(self.time + 5))
        elif fate == 5:
            self._crash(owner)
        else:
            self._answer(owner, slot, under_way=fate == 4, inline=inline)

    def _start(self, owner: Owner, slot: Slot) -> None:
        happened = set(owner.state.events) - owner.plan.fails
        assert not happened & set(slot.step.spec.says) or slot.undoes, "it would act again"
        owner.started.add(slot.id)
        self.effects[slot.id] = slot

    def _crash(self, owner: Owner) -> None:
        if owner is self.current:
            self.take_over()
        if owner in self.owners:
            self.owners.remove(owner)

    def _answer(self, owner: Owner, slot: Slot, *, under_way: bool, inline: bool) -> None:
        says = slot.step.spec.says
        said = says[self.tape.pick(len(says))]
        causes = ",".join(cause.id for cause in slot.causes)
        more = {"causes": causes, "undoes": slot.undoes}
        if slot.in_doubt:
            more["late"] = "1"
        identity = ids.answer_id(slot.id, said)
        if under_way:
            headers = {"slot": slot.id, "step": slot.step.name, **more}
            self.under_way.append(Pending(owner, said, identity, headers, not inline))
            owner.runs[slot.id] = identity
            return
        record = self._say(owner, slot, said, identity, **more)
        if not slot.undoes and self.tape.pick(2):
            self._go_on(owner, record)

    def _say_attempt(self, owner: Owner, slot: Slot, event_type: str, **more: str) -> None:
        attempt = slot.attempt + 1
        identity = ids.attempt_id(slot.id, event_type, attempt)
        self._say(owner, slot, event_type, identity, attempt=str(attempt), **more)

    def _say(self, owner: Owner, slot: Slot, event_type: str, event_id: str, **more: str) -> Record:
        owner.runs[slot.id] = event_id
        headers = {"slot": slot.id, "step": slot.step.name, **more}
        return self.append(event_type, event_id, headers)

    def _go_on(self, owner: Owner, record: Record) -> None:
        """Go on inline after the ack of an own answer, without a second read."""
        if owner.state.status is not Status.RUNNING or owner not in self.owners:
            return
        entry = Entry(
            record.id, record.type, record.offset, record.time, "", Place.EFFECTIVE, record.slot,
            value=record.value,
        )  # fmt: skip
        owner.ahead.events[record.type] = entry
        owner.ahead.mask |= owner.plan.bits[record.type]
        for slot in due(owner.plan, owner.state, self.time, owner.ahead):
            if not slot.step.irreversible and slot.id not in owner.runs and owner in self.owners:
                self.run(owner, slot, inline=True)

    def coordinate(self, owner: Owner) -> None:
        """Let a worker's coordinator say what it decides."""
        state = owner.state
        said = decide(owner.plan, state, owner.read_through)
        again = decide(owner.plan, state, owner.read_through)
        assert [say.id for say in said] == [say.id for say in again]
        for say in said:
            assert say.of is None or say.of.value is not None, "bytes that are needed"
            if say.id not in owner.saying:
                owner.saying.add(say.id)
                headers = {"undoes": say.undoes, "causes": say.of.id if say.of else ""}
                if self.faults and self.tape.once_in(4):
                    self.under_way.append(Pending(owner, say.type, say.id, headers))
                else:
                    self.append(say.type, say.id, headers)

    # -- owners come and go ----------------------------------------------------------------

    def checkpoint(self, owner: Owner) -> None:
        """Store rows and position; a zombie's row lands too, its commit is refused."""
        self.rows.extend(row for _, row in owner.table.pack(list(owner.table.dirty)))
        if not owner.is_zombie:
            self.committed = owner.position

    def take_over(self) -> None:
        """Assign the partition to another worker, perhaps of another version."""
        for owner in self.owners:
            if owner.reads_to is None:
                owner.reads_to = len(self.log)
        self.owners = self.owners[-1:]
        forward = [s.name for s in self.current.plan.forward]
        if self.tape.once_in(8) and self._is_quiet():
            self.owners.clear()
            self.spec = renamed(self.spec, forward[self.tape.pick(len(forward))])
        table = Table(compile_plan(self.spec))
        for row in self.rows:
            table.load(KEY, row)
        table.loaded()
        owner = Owner(table.plan, table, self.committed, len(self.log))
        self.owners.append(owner)
        self.read(owner, len(self.log))

    def _is_quiet(self) -> bool:
        """Whether nothing is started that has not answered; only then a step may be renamed."""
        answered = {record.slot for record in self.log}
        tries = {"StepRetrying", "StepGaveUp"}
        tried = {record.slot for record in self.log if record.type in tries}
        return not self.under_way and self.effects.keys() <= answered - tried

    # -- what else happens -----------------------------------------------------------------

    def outside(self) -> None:
        """Somebody cancels, or time passes."""
        if self.tape.once_in(3):
            self.append("SagaCancelled", ids.action_id("SagaCancelled", KEY), {"by": "ada"})
        else:
            self.time += HOUR_MS

    def duplicate(self) -> None:
        """A record lands a second time."""
        record = self.log[self.tape.pick(len(self.log))]
        self.time += 1
        self.log.append(replace(record, offset=len(self.log), time=self.time))

    def reject(self) -> None:
        """Somebody cannot read an event's value."""
        entries = [entry for entry in self.current.state.entries() if not entry.rejected]
        if entries and self.tape.once_in(4):
            entry = entries[self.tape.pick(len(entries))]
            identity = ids.action_id("RecordRejected", entry.id)
            self.append("RecordRejected", identity, {"rejects": str(entry.offset)})

    def person(self) -> None:
        """A person settles the oldest incident there is."""
        about, incident = next(iter(self.current.state.incidents.items()))
        self.persons += 1
        act = f"person-{self.persons}"
        entry = next((e for e in self.current.state.entries() if e.id == about), None)
        slots = pending(self.current.plan, self.current.state)
        slot = next((s for s in slots if s.id == about), None)
        if slot is not None and slot.in_doubt and any(c.rejected for c in slot.causes):
            causes = ",".join(cause.id for cause in slot.causes)
            headers = {"slot": about, "step": slot.step.name, "causes": causes, "by": "ada"}
            self.append(slot.step.spec.says[0], act, headers)
        elif incident.kind == "gave-up":
            self.append("StepResumed", act, {"slot": about, "by": "ada"})
        elif entry is not None and entry.place is Place.REQUEST:
            self.append("StepSkipped", act, {"undoes": entry.undoes, "by": "ada"})
        elif incident.kind == "rejected" and entry is not None and not is_an_end(entry):
            headers = {"slot": entry.slot, "undoes": entry.undoes, "by": "ada"}
            self.append(entry.type, act, headers)
        else:
            self.append("StepSkipped", act, {"undoes": about, "by": "ada"})

    # -- the whole -------------------------------------------------------------------------

    def happen(self, times: int) -> None:
        """Let this many things happen, as the tape says."""
        for _ in range(times):
            owner = self.owners[self.tape.pick(len(self.owners))]
            match self.tape.pick(16):
                case 0 | 1 | 2:
                    self.read(owner, 1 + self.tape.pick(4))
                case 3 | 4 | 5 | 6 | 7:
                    self.run_one(owner)
                case 8:
                    self.coordinate(owner)
                case 9:
                    self.checkpoint(owner)
                case 10 | 11:
                    self.take_over()
                case 12:
                    self.deliver()
                case 13:
                    self.duplicate()
                case 14:
                    self.outside()
                case _:
                    self.reject()

    def calmly(self, times: int) -> None:
        """Let one worker read all and act on it, whatever the handlers say; perhaps a cancel."""
        for _ in range(times):
            self.read(self.current, len(self.log))
            self.coordinate(self.current)
            self.run_one(self.current)
            if self.tape.once_in(20):
                self.outside()

    def settle(self) -> None:
        """Let the last owner read all and do what is left, with persons to settle incidents."""
        for _ in range(ROUNDS_MOST):
            before = len(self.log)
            owner = self.current
            self.read(owner, len(self.log))
            self.coordinate(owner)
            self.run_one(owner)
            self.deliver(may_lose=False)
            if len(self.log) == before and owner is self.current:
                if owner.state.incidents:
                    self.person()
                elif not owner.state.seen or not self._wait(owner):
                    return
        message = f"no rest: {[record.type for record in self.log[-12:]]}"
        raise AssertionError(message)

    def _wait(self, owner: Owner) -> bool:
        """Let time pass until something is due by it."""
        when = next_timer(owner.plan, owner.state, self.time)
        if when > self.time + 2 * HOUR_MS:
            return False
        self.time = when
        owner.read_through = when
        return bool(pending(owner.plan, owner.state)) or when > 0


def is_an_end(entry: Entry) -> bool:
    """Whether it is the end event of a saga; nobody can say that again."""
    return entry.type in ENDS


def lived(shape: bytes, tape: bytes) -> World:
    """A saga of some workflow, with all that happened to it until it was at rest."""
    world = World(workflow(Tape(shape)), Tape(tape))
    world.happen(HAPPENINGS)
    world.settle()
    return world
