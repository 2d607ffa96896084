"""How a record changes its saga: the only place where a saga's state is written.

The first record of a slot is its answer; the same id again changes nothing; what came second is a
stray. An illegal transition is counted, never raised. What is folded how stands in the table at
the end; the rule numbers are those of the design.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

from minuet.core.due import at_rest
from minuet.core.entries import entry_of, take
from minuet.core.outcomes import fail, outcome, request, stray, undone
from minuet.core.plan import Plan, Role
from minuet.core.state import Entry, Place, State, Status
from minuet.core.tries import gave_up, resumed, retrying, skipped
from minuet.core.unreadable import let_go, rejected, replaces_unreadable
from minuet.event.record import (
    BY,
    CAUSES,
    DIGEST,
    IMPORTED,
    MIGRATES,
    SCHEMA,
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
    whole, plan = plan, plan.of(state.version or record.text(WORKFLOW_VERSION))
    if _is_known(plan, state, record):
        return
    state.seen[record.id] = record.digest
    if state.status is Status.EARLY and plan.role(record.type) is not Role.BEGIN:
        state.keep(entry_of(record, Place.HELD), 0)
        return
    if not state.version:
        _belongs(whole, plan, state, record)
    _FOLDS[plan.role(record.type)](plan, state, record)
    if plan is not (now := whole.of(state.version)):
        plan = now
        _reckon(plan, state)
    if state.failing and "SagaCancelled" in state.events:
        let_go(plan, state)
    if state.status.ended and at_rest(plan, state):
        _shrink(state)


# -- what was folded before ---------------------------------------------------------------------


def known_part(text: str) -> bytes:
    """Return the bytes by which an ended saga remembers an id, or its begin event's digest."""
    return blake2b(text.encode(), digest_size=KNOWN_BYTES).digest()


def _is_known(plan: Plan, state: State, record: Record) -> bool:
    digest = record.digest
    before = state.seen.get(record.id)
    if before is not None:
        same = before == digest
    elif state.known:
        place = _place(state.known, known_part(record.id))
        if place < 0:
            return False
        same = place > 0 or known_part(digest) == state.known[KNOWN_BYTES : 2 * KNOWN_BYTES]
    else:
        return False
    role = plan.role(record.type)
    if same or role in _DECISIONS:
        state.count("duplicates")
    elif role is Role.BEGIN or record.headers.get(BY) or record.headers.get(IMPORTED):
        state.count("conflicts")  # somebody outside, or a person, said it in two ways
    else:
        state.count("nondeterministic")
    return True


def _place(known: bytes, part: bytes) -> int:
    at = known.find(part)
    while at >= 0 and at % KNOWN_BYTES:
        at = known.find(part, at + 1)
    return at


def _shrink(state: State) -> None:
    """Keep of an ended saga what tells a duplicate from a stray: begin id and digest come first."""
    parts = [known_part(i) for i in state.seen if i != state.begin_id]
    if not state.known:
        state.known = known_part(state.begin_id) + known_part(state.begin_digest)
    state.known += b"".join(sorted(parts))
    for kept in (
        state.events, state.requests, state.undone, state.strays, state.skips, state.tries,
        state.seen, state.answers, state.ids, state.slots,
    ):  # fmt: skip
        kept.clear()
    state.mask = state.said = 0
    state.begin_id = state.begin_digest = state.failed_by = state.version = state.trace = ""
    state.begin_offset = state.failed_offset = -1


# -- versions of the workflow ---------------------------------------------------------------


def _belongs(whole: Plan, plan: Plan, state: State, record: Record) -> None:
    """Take the version that the record names, whose plan it is, for the saga's."""
    state.version = record.text(WORKFLOW_VERSION)
    if plan is not whole:
        _reckon(plan, state)


def _reckon(plan: Plan, state: State) -> None:
    """Set the bits of what happened anew: each version has its own."""
    state.slots.clear()
    state.mask = state.said = 0
    for entry in state.ids.values():
        bit = plan.bits.get(entry.type, 0)
        state.said |= bit
        if entry.place is not Place.LATE:
            state.mask |= bit


# -- the life of a saga ---------------------------------------------------------------------


def _begin(plan: Plan, state: State, record: Record) -> None:
    if state.status is not Status.EARLY:
        if not replaces_unreadable(state, record):
            stray(plan, state, record)
        return
    state.status = Status.RUNNING
    state.begin_id, state.begin_offset = record.id, record.offset
    state.begin_digest = record.digest
    state.trace = record.text(TRACEPARENT)
    take(plan, state, entry_of(record, Place.EFFECTIVE))
    held, state.held = state.held, []
    for entry in held:
        role = plan.role(entry.type)
        if role in _MAY_BE_EARLY:
            _FOLDS[role](plan, state, _record(state.saga_id, entry))
        else:
            state.count("illegal")


def _record(saga_id: str, entry: Entry) -> Record:
    headers = {
        DIGEST: entry.digest.encode(), SCHEMA: entry.schema, UNDOES: entry.undoes.encode(),
        CAUSES: ",".join(entry.causes).encode(),
    }  # fmt: skip
    return Record(
        saga_id, entry.offset, entry.time, entry.id, entry.type, entry.slot, entry.value or b"",
        {name: value for name, value in headers.items() if value},
    )  # fmt: skip


def _cancelled(plan: Plan, state: State, record: Record) -> None:
    if state.status.ended or record.type in state.events:
        if not replaces_unreadable(state, record):
            state.count("illegal")
        return
    take(plan, state, entry_of(record, Place.EFFECTIVE))
    fail(plan, state, record)


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
    take(plan, state, entry_of(record, Place.EFFECTIVE))


def _migrated(plan: Plan, state: State, record: Record) -> None:
    """Let the saga go on under the version that the record names."""
    right = state.status is Status.RUNNING and record.text(MIGRATES) == state.version
    if not right:
        state.count("illegal")
        return
    state.version = record.text(WORKFLOW_VERSION)


def _redone(plan: Plan, state: State, record: Record) -> None:
    """Begin a new round with the begin event alone, which the record carries and has as cause."""
    begin = record.causes[0] if record.causes else ""
    rests = state.status is Status.COMPENSATED and at_rest(plan, state)
    if not rests or known_part(begin) != state.known[:KNOWN_BYTES]:
        state.count("illegal")
        return
    state.status, state.round = Status.RUNNING, record.id
    state.begin_id, state.begin_offset = begin, record.offset
    state.begin_digest = record.digest
    state.trace, state.version = record.text(TRACEPARENT), record.text(WORKFLOW_VERSION)
    state.seen[begin] = state.begin_digest
    entry = entry_of(record, Place.EFFECTIVE)
    entry.id, entry.type = begin, plan.spec.begins
    take(plan, state, entry)


_FOLDS: dict[Role, Callable[[Plan, State, Record], None]] = {
    Role.BEGIN: _begin,
    Role.OUTCOME: outcome,
    Role.UNKNOWN: outcome,
    Role.REQUEST: request,
    Role.UNDONE: undone,
    Role.RETRYING: retrying,
    Role.GAVE_UP: gave_up,
    Role.SKIPPED: skipped,
    Role.RESUMED: resumed,
    Role.REJECTED: rejected,
    Role.CANCELLED: _cancelled,
    Role.END: _end,
    Role.REDONE: _redone,
    Role.MIGRATED: _migrated,
}
# Of two persons who decide the same, each has a name and a reason of their own.
_DECISIONS = frozenset((Role.RESUMED, Role.SKIPPED, Role.CANCELLED, Role.REDONE))
_MAY_BE_EARLY = frozenset((Role.OUTCOME, Role.UNKNOWN, Role.CANCELLED))
