"""How a record enters a state: as an entry at its place, closing what it answers."""

from __future__ import annotations

from minuet.core.plan import Plan
from minuet.core.state import Entry, Incident, Place, State
from minuet.event.record import SCHEMA, UNDOES, Record


def entry_of(record: Record, place: Place) -> Entry:
    """Return a record as the state keeps it."""
    return Entry(
        record.id, record.type, record.offset, record.time, record.digest, place,
        record.slot, record.text(UNDOES), record.headers.get(SCHEMA, b""), record.value,
        causes=tuple(record.causes) if place is Place.HELD else (),
    )  # fmt: skip


def take(plan: Plan, state: State, entry: Entry) -> None:
    """Keep an entry, and close what it answers."""
    state.keep(entry, plan.bits.get(entry.type, 0))
    if (state.tries or state.incidents) and entry.place is not Place.REQUEST:
        for about in (entry.slot, entry.undoes):
            if about:
                close(state, about)
        if entry.undoes in state.requests:
            close(state, state.requests[entry.undoes].id)


def close(state: State, about: str) -> None:
    """Forget the tries and the incident of a slot or an event."""
    state.tries.pop(about, None)
    state.incidents.pop(about, None)


def open_incident(state: State, about: str, kind: str, record: Record, reason: str) -> None:
    """Note what only a person can settle; see `Incident` for `about`."""
    state.incidents[about] = Incident(kind, record.type, record.offset, reason)
