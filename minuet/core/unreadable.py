"""Rule 8: a value that cannot be read is an incident, and the record keeps its id, place and slot.

Every version of the code folds it alike, since none of them looks at the value here.
"""

from __future__ import annotations

from minuet.core.due import undo_causes
from minuet.core.plan import Plan
from minuet.core.state import Entry, Incident, Place, State
from minuet.event.record import BY, REASON, REJECTS, SCHEMA, Record


def rejected(plan: Plan, state: State, record: Record) -> None:
    """Fold that the value at an offset cannot be read."""
    offset = record.number(REJECTS)
    found = next((entry for entry in state.entries() if entry.offset == offset), None)
    done = found is None or (found.place is Place.REQUEST and found.undoes in state.undone)
    if found is None or done or found.rejected or found.place is Place.SKIP:
        state.count("illegal")
        return
    found.rejected, found.value = True, None
    _wait_for(state, found, record.offset, record.text(REASON))


def replaces_unreadable(state: State, record: Record) -> bool:
    """A person gives a slot a readable value: the one case where an answer is replaced."""
    if not record.headers.get(BY):
        return False
    entry = next((e for e in state.entries() if e.rejected and _is_same(e, record)), None)
    if entry is None:
        return False
    entry.rejected, entry.value = False, record.value
    entry.schema, entry.digest = record.headers.get(SCHEMA, b""), record.digest
    state.seen[entry.id] = entry.digest
    _let_go(state, entry)
    return True


def _is_same(entry: Entry, record: Record) -> bool:
    return entry.type == record.type and entry.slot == record.slot


def let_go(plan: Plan, state: State) -> None:
    """Let a cancelled saga wait for those values only that an undo still needs."""
    needed: set[str] | None = None
    for entry in state.entries():
        if entry.rejected:
            needed = _needed(plan, state) if needed is None else needed
            if entry.id not in needed:
                _let_go(state, entry)
            else:
                _wait_for(state, entry, entry.offset, "an undo needs it")


def _wait_for(state: State, entry: Entry, offset: int, reason: str) -> None:
    """Open the entry's incident, unless it has one: a worse one stays."""
    state.incidents.setdefault(entry.id, Incident("rejected", entry.type, offset, reason))


def _let_go(state: State, entry: Entry) -> None:
    incident = state.incidents.get(entry.id)
    if incident is not None and incident.kind == "rejected":
        del state.incidents[entry.id]


def _needed(plan: Plan, state: State) -> set[str]:
    found = {
        entry.id
        for entry in (*state.events.values(), *state.strays.values())
        if entry.type in plan.undo_of and entry.id not in state.undone
    }
    for _, _, causes in undo_causes(plan, state):
        found.update(cause.id for cause in causes if cause is not None)
    return found
