"""Rule 8: a value that cannot be read is an incident, and the record keeps its id, place and slot.

Every version of the code folds it alike, since none of them looks at the value here.
"""

from __future__ import annotations

from collections.abc import Iterator

from minuet.core.plan import Plan
from minuet.core.state import Entry, Incident, State
from minuet.event.record import BY, DIGEST, REASON, REJECTS, SCHEMA, Record


def rejected(plan: Plan, state: State, record: Record) -> None:
    """Fold that the value at an offset cannot be read."""
    offset = record.number(REJECTS)
    found = next((entry for entry in state.entries() if entry.offset == offset), None)
    if found is None or found.rejected:
        state.count("illegal")
        return
    found.rejected, found.value = True, None
    state.incidents[found.id] = Incident("rejected", found.type, record.offset, record.text(REASON))


def replaces_unreadable(state: State, record: Record) -> bool:
    """A person gives a slot a readable value: the one case where an answer is replaced."""
    if not record.headers.get(BY):
        return False
    entry = next((e for e in _of_type(state, record.type) if e.rejected), None)
    if entry is None or record.slot != entry.slot:
        return False
    entry.rejected, entry.value = False, record.value
    entry.schema, entry.digest = record.headers.get(SCHEMA, b""), record.text(DIGEST)
    state.seen[entry.id] = entry.digest
    state.incidents.pop(entry.id, None)
    return True


def _of_type(state: State, event_type: str) -> Iterator[Entry]:
    if event_type in state.events:
        yield state.events[event_type]
    yield from (stray for stray in state.strays.values() if stray.type == event_type)


def let_go(plan: Plan, state: State) -> None:
    """Close the incidents that a cancel closes: of values which no undo needs."""
    for about, incident in list(state.incidents.items()):
        if incident.kind == "rejected" and not plan.bits.get(incident.about, 0) & plan.undo_takes:
            del state.incidents[about]
