"""How a record changes its saga: the only place where a saga's state is written.

The first record of a slot is its answer; the same id again changes nothing; what came second is a
stray. An illegal transition is counted, never raised. The rule numbers are those of the design.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

from minuet.core.due import at_rest
from minuet.core.plan import Plan, Role
from minuet.core.state import Entry, Incident, Place, State, Status, Tries
from minuet.event.record import (
    ATTEMPT,
    BY,
    CAUSES,
    DIGEST,
    LATE,
    NOT_BEFORE,
    REASON,
    REJECTS,
    SCHEMA,
    STEP,
    TRACEPARENT,
    UNDOES,
    WORKFLOW_VERSION,
    Record,
)

KNOWN_BYTES = 6  # of each id, kept by an ended saga; two of a saga's ids collide once in 2**40


def fold(plan: Plan, state: State, record: Record) -> None:
    """Change `state` by one record of its saga; a record at or below its offset changes nothing."""
    if record.offset <= state.log_offset:
        return
    state.log_offset = record.offset
    if record.time > state.at:
        state.at = record.time
    if _is_known(plan, state, record):
        return
    state.seen[record.id] = record.text(DIGEST)
    role = plan.role(record.type)
    if state.status is Status.EARLY and role is not Role.BEGIN:
        state.keep(_entry(record, Place.HELD), 0)
        return
    if not state.version:
        state.version = record.text(WORKFLOW_VERSION)
    _FOLDS[role](plan, state, record)
    if state.status.ended and at_rest(plan, state):
        _shrink(state)


def known_part(event_id: str) -> bytes:
    """Return the bytes by which an ended saga remembers an id."""
    return blake2b(event_id.encode(), digest_size=KNOWN_BYTES).digest()


def _is_known(plan: Plan, state: State, record: Record) -> bool:
    digest = state.seen.get(record.id)
    if digest is None:
        if not state.known or not _remembers(state.known, record.id):
            return False
        digest = state.begin_digest if record.id == state.begin_id else record.text(DIGEST)
    if digest == record.text(DIGEST):
        state.count("duplicates")
    else:
        begins = plan.role(record.type) is Role.BEGIN
        state.count("conflicts" if begins else "nondeterministic")
    return True


def _remembers(known: bytes, event_id: str) -> bool:
    part = known_part(event_id)
    at = known.find(part)
    while at >= 0 and at % KNOWN_BYTES:
        at = known.find(part, at + 1)
    return at >= 0


def _entry(record: Record, place: Place) -> Entry:
    return Entry(
        record.id, record.type, record.offset, record.time, record.text(DIGEST), place,
        record.slot, record.text(UNDOES), record.headers.get(SCHEMA, b""), record.value,
        causes=tuple(record.causes) if place is Place.HELD else (),
    )  # fmt: skip


# -- the life of a saga ---------------------------------------------------------------------


def _begin(plan: Plan, state: State, record: Record) -> None:
    if state.begin_id:
        _stray(plan, state, record)
        return
    state.status = Status.RUNNING
    state.begin_id, state.begin_offset = record.id, record.offset
    state.begin_digest = record.text(DIGEST)
    state.trace = record.text(TRACEPARENT)
    _take(plan, state, _entry(record, Place.EFFECTIVE))
    held, state.held = state.held, []
    for entry in held:
        _FOLDS[plan.role(entry.type)](plan, state, _record(state.saga_id, entry))


def _record(saga_id: str, entry: Entry) -> Record:
    headers = {
        DIGEST: entry.digest.encode(), SCHEMA: entry.schema, UNDOES: entry.undoes.encode(),
        CAUSES: ",".join(entry.causes).encode(),
    }  # fmt: skip
    return Record(
        saga_id, entry.offset, entry.time, entry.id, entry.type, entry.slot, entry.value or b"",
        {name: value for name, value in headers.items() if value},
    )  # fmt: skip


def _take(plan: Plan, state: State, entry: Entry) -> None:
    """Keep an entry, and close what it answers."""
    state.keep(entry, plan.bits.get(entry.type, 0))
    for about in (entry.slot, entry.undoes):
        if about and entry.place is not Place.REQUEST:
            state.tries.pop(about, None)
            state.incidents.pop(about, None)


def _end(plan: Plan, state: State, record: Record) -> None:
    if record.type == "SagaCompleted":
        right = state.status is Status.RUNNING and plan.spec.completes in state.events
        after = Status.COMPLETED
    else:
        right, after = state.status is Status.FAILING, Status.COMPENSATED
    if not right:
        state.count("illegal")
        return
    state.status = after
    _take(plan, state, _entry(record, Place.EFFECTIVE))


def _redone(plan: Plan, state: State, record: Record) -> None:
    if state.status is not Status.COMPENSATED or state.strays or state.incidents:
        state.count("illegal")
        return
    if not state.known:
        _shrink(state)
    state.status, state.round = Status.RUNNING, record.id
    state.failed_by, state.failed_offset = "", -1
    begin = _entry(record, Place.EFFECTIVE)
    begin.id, begin.type = state.begin_id, plan.spec.begins
    _take(plan, state, begin)
    state.seen = {record.id: record.text(DIGEST), state.begin_id: state.begin_digest}


def _shrink(state: State) -> None:
    """Keep of an ended saga what tells a duplicate from a stray."""
    state.known += b"".join([known_part(event_id) for event_id in state.seen])
    for kept in (
        state.events, state.requests, state.undone, state.strays, state.skips, state.tries,
        state.seen, state.answers, state.ids, state.slots,
    ):  # fmt: skip
        kept.clear()
    state.mask = state.said = 0


# -- rules 1, 3 and 5: outcomes, strays, failing ------------------------------------------------


def _outcome(plan: Plan, state: State, record: Record) -> None:
    if not _may_say(plan, record):
        state.count("illegal")
    elif _came_second(state, record):
        if not _replaces_unreadable(state, record):
            _stray(plan, state, record)
    else:
        _happen(plan, state, record)


def _may_say(plan: Plan, record: Record) -> bool:
    """Whether the event's step says such a type; what a step says needs a slot."""
    if not record.slot:
        return record.type not in plan.said_by
    step = plan.steps.get(record.text(STEP))
    return step is None or record.type in step.spec.says


def _came_second(state: State, record: Record) -> bool:
    return (
        (state.status.ended and bool(state.known))
        or (bool(record.slot) and record.slot in state.answers)
        or record.type in state.events
        or any(cause not in state.ids for cause in record.causes)
    )


def _happen(plan: Plan, state: State, record: Record) -> None:
    deadline = plan.deadlines.get(record.type)
    lost = state.status is not Status.RUNNING or (
        deadline is not None and deadline.unless in state.events
    )
    if deadline is not None and lost:
        return
    late = state.failing and LATE in record.headers
    _take(plan, state, _entry(record, Place.LATE if late else Place.EFFECTIVE))
    if state.failing and record.type in plan.beyond_pivot:
        _incident(state, record.id, "irreversible", record, "happened in a saga that had failed")
    if record.type in plan.fails:
        _fail(plan, state, record)


def _fail(plan: Plan, state: State, record: Record) -> None:
    if state.status is not Status.RUNNING:
        return
    if plan.spec.pivot and plan.spec.pivot in state.events:
        _incident(state, record.id, "failed-after-pivot", record, "there is no way back")
    elif plan.spec.completes in state.events:
        state.count("illegal")
    else:
        state.status = Status.FAILING
        state.failed_by, state.failed_offset = record.id, record.offset


def _cancelled(plan: Plan, state: State, record: Record) -> None:
    if state.status is not Status.RUNNING or record.type in state.events:
        state.count("illegal")
        return
    _take(plan, state, _entry(record, Place.EFFECTIVE))
    _fail(plan, state, record)
    for about, incident in list(state.incidents.items()):
        if incident.kind == "rejected" and incident.about not in plan.undo_of:
            del state.incidents[about]


def _stray(plan: Plan, state: State, record: Record) -> None:
    state.count("strays")
    undo = plan.undo_of.get(record.type)
    if undo is not None:
        state.keep(_entry(record, Place.STRAY), 0)
        step = plan.undo_steps.get(undo.request)
        own = plan.bits[undo.outcome] | plan.bits[undo.request]
        if state.known and step is not None and step.takes & ~own:
            _incident(
                state, record.id, "undo-impossible", record,
                f"{step.name} needs events that an ended saga no longer keeps",
            )  # fmt: skip
    elif record.type in plan.beyond_pivot:
        _incident(state, record.id, "irreversible", record, "came second and cannot be undone")


def _incident(state: State, about: str, kind: str, record: Record, reason: str) -> None:
    state.incidents[about] = Incident(kind, record.type, record.offset, reason)


# -- undo ---------------------------------------------------------------------------------------


def _request(plan: Plan, state: State, record: Record) -> None:
    undoes = record.text(UNDOES)
    if not undoes or undoes in state.requests:
        state.count("illegal")
        return
    _take(plan, state, _entry(record, Place.REQUEST))


def _undone(plan: Plan, state: State, record: Record) -> None:
    undoes = record.text(UNDOES)
    if undoes not in state.requests or undoes in state.undone:
        state.count("illegal")
        return
    _take(plan, state, _entry(record, Place.UNDONE))


# -- rules 6 to 8: tries, giving up, unreadable values --------------------------------------------


def _retrying(plan: Plan, state: State, record: Record) -> None:
    tries = state.tries.get(record.slot)
    attempt = record.number(ATTEMPT)
    if record.slot in state.answers:
        return
    if tries is not None and (tries.parked or attempt <= tries.attempt):
        state.count("illegal")
        return
    step = record.text(STEP)
    since = tries.since if tries is not None else 0
    state.tries[record.slot] = Tries(step, attempt, record.number(NOT_BEFORE), since)


def _gave_up(plan: Plan, state: State, record: Record) -> None:
    if record.slot in state.answers:
        return
    step = record.text(STEP)
    attempt = record.number(ATTEMPT)
    state.tries[record.slot] = Tries(step, attempt, parked=True)
    state.incidents[record.slot] = Incident("gave-up", step, record.offset, record.text(REASON))


def _skipped(plan: Plan, state: State, record: Record) -> None:
    undoes = record.text(UNDOES)
    if undoes in state.undone or (record.slot and record.slot in state.answers):
        return
    if undoes or (state.failing and record.slot):
        _take(plan, state, _entry(record, Place.SKIP))
    else:
        state.count("illegal")


def _resumed(plan: Plan, state: State, record: Record) -> None:
    tries = state.tries.get(record.slot)
    if tries is None or not tries.parked:
        state.count("illegal")
        return
    state.tries[record.slot] = Tries(tries.step, tries.attempt, since=tries.attempt)
    state.incidents.pop(record.slot, None)


def _rejected(plan: Plan, state: State, record: Record) -> None:
    offset = record.number(REJECTS)
    found = next((entry for entry in state.entries() if entry.offset == offset), None)
    if found is None or found.rejected:
        state.count("illegal")
        return
    found.rejected, found.value = True, None
    state.incidents[found.id] = Incident("rejected", found.type, record.offset, record.text(REASON))


def _replaces_unreadable(state: State, record: Record) -> bool:
    """A person gives a slot a readable value: the one case where an answer is replaced."""
    entry = state.events.get(record.type)
    if not record.headers.get(BY) or entry is None or not entry.rejected:
        return False
    entry.rejected, entry.value = False, record.value
    entry.schema, entry.digest = record.headers.get(SCHEMA, b""), record.text(DIGEST)
    state.seen[entry.id] = entry.digest
    state.incidents.pop(entry.id, None)
    return True


_FOLDS: dict[Role, Callable[[Plan, State, Record], None]] = {
    Role.BEGIN: _begin,
    Role.OUTCOME: _outcome,
    Role.UNKNOWN: _outcome,
    Role.REQUEST: _request,
    Role.UNDONE: _undone,
    Role.RETRYING: _retrying,
    Role.GAVE_UP: _gave_up,
    Role.SKIPPED: _skipped,
    Role.RESUMED: _resumed,
    Role.REJECTED: _rejected,
    Role.CANCELLED: _cancelled,
    Role.END: _end,
    Role.REDONE: _redone,
}
