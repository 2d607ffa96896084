"""A saga's row: its state as one Avro record that other tools can read.

A row is a function of the fold alone: raw bytes stay only where a step that has not answered, or a
possible undo, still needs them. The first four fields can be read without the others (`peek`).
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

import fastavro

from minuet.core.plan import Plan
from minuet.core.state import Entry, Incident, Place, State, Status, Tries

_PLACES = {place.value: place for place in Place}

ROW_SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "SagaRow",
    "namespace": "minuet",
    "doc": "The state of one saga after the record at log_offset.",
    "fields": [
        {"name": "log_offset", "type": "long"},
        {
            "name": "status",
            "type": {"type": "enum", "name": "Status", "symbols": [s.value for s in Status]},
        },
        {"name": "at", "type": "long", "doc": "ms since 1970"},
        {"name": "rest", "type": "boolean", "doc": "ended, with nothing left to do"},
        {"name": "round", "type": "string"},
        {"name": "version", "type": "string"},
        {"name": "trace", "type": "string"},
        {"name": "failed_by", "type": "string"},
        {"name": "failed_offset", "type": "long"},
        {"name": "begin_id", "type": "string"},
        {"name": "begin_digest", "type": "string"},
        {"name": "begin_offset", "type": "long"},
        {"name": "known", "type": "bytes", "doc": "6 bytes of each id folded, once at rest"},
        {"name": "counts", "type": {"type": "map", "values": "long"}},
        {
            "name": "entries",
            "type": {
                "type": "array",
                "items": {
                    "type": "record",
                    "name": "Entry",
                    "fields": [
                        {"name": "id", "type": "string"},
                        {"name": "type", "type": "string"},
                        {"name": "offset", "type": "long"},
                        {"name": "time", "type": "long"},
                        {"name": "digest", "type": "string"},
                        {"name": "place", "type": "string"},
                        {"name": "slot", "type": "string"},
                        {"name": "undoes", "type": "string"},
                        {"name": "schema", "type": "bytes"},
                        {"name": "value", "type": ["null", "bytes"]},
                        {"name": "rejected", "type": "boolean"},
                        {"name": "causes", "type": {"type": "array", "items": "string"}},
                    ],
                },
            },
        },
        {"name": "seen", "type": {"type": "map", "values": "string"}},
        {
            "name": "tries",
            "type": {
                "type": "array",
                "items": {
                    "type": "record",
                    "name": "Tries",
                    "fields": [
                        {"name": "slot", "type": "string"},
                        {"name": "step", "type": "string"},
                        {"name": "attempt", "type": "int"},
                        {"name": "not_before", "type": "long"},
                        {"name": "parked", "type": "boolean"},
                        {"name": "since", "type": "int"},
                        {"name": "decided", "type": "boolean"},
                    ],
                },
            },
        },
        {
            "name": "incidents",
            "type": {
                "type": "array",
                "items": {
                    "type": "record",
                    "name": "Incident",
                    "fields": [
                        {"name": "key", "type": "string"},
                        {"name": "kind", "type": "string"},
                        {"name": "about", "type": "string"},
                        {"name": "offset", "type": "long"},
                        {"name": "reason", "type": "string"},
                    ],
                },
            },
        },
    ],
}

_PARSED = fastavro.parse_schema(ROW_SCHEMA)
_STATUSES = tuple(Status)
_PLAIN = (
    "log_offset", "at", "round", "version", "trace", "failed_by", "failed_offset",
    "begin_id", "begin_digest", "begin_offset", "known", "counts",
)  # fmt: skip


def pack(plan: Plan, state: State) -> bytes:
    """Return the row of a state."""
    rest = state.status.ended and not state.seen
    entries = [] if rest else _entries(plan, state)
    kept = {entry["id"] for entry in entries}
    row = {name: getattr(state, name) for name in _PLAIN}
    row["status"] = state.status.value
    row["rest"] = rest
    row["entries"] = entries
    row["seen"] = {i: digest for i, digest in state.seen.items() if i not in kept}
    row["tries"] = [
        {
            "slot": slot, "step": t.step, "attempt": t.attempt, "not_before": t.not_before,
            "parked": t.parked, "since": t.since, "decided": t.decided,
        }
        for slot, t in state.tries.items()
    ]  # fmt: skip
    row["incidents"] = [
        {"key": key, "kind": i.kind, "about": i.about, "offset": i.offset, "reason": i.reason}
        for key, i in state.incidents.items()
    ]
    out = BytesIO()
    fastavro.schemaless_writer(out, _PARSED, row)
    return out.getvalue()


def _entries(plan: Plan, state: State) -> list[dict[str, Any]]:
    needed = needed_types(plan, state)
    entries = [_entry(plan, entry, needed) for entry in state.entries()]
    entries.sort(key=lambda entry: entry["offset"])
    return entries


def _entry(plan: Plan, entry: Entry, needed: int) -> dict[str, Any]:
    keeps = entry.place in (Place.STRAY, Place.HELD) or plan.bits.get(entry.type, 0) & needed
    return {
        "id": entry.id,
        "type": entry.type,
        "offset": entry.offset,
        "time": entry.time,
        "digest": entry.digest,
        "place": entry.place.value,
        "slot": entry.slot,
        "undoes": entry.undoes,
        "schema": entry.schema if keeps else b"",
        "value": entry.value if keeps else None,
        "rejected": entry.rejected,
        "causes": entry.causes,
    }


def needed_types(plan: Plan, state: State) -> int:
    """Return the bits of the types whose bytes an unanswered step or a possible undo may need.

    It only ever shrinks while a saga goes on, so that bytes dropped once are never missed.
    """
    ended = state.status.ended
    bits = 0
    for step in plan.forward:
        if step.excludes & state.said or (ended and not step.takes & plan.after_end):
            continue
        bits |= step.takes
    certain = plan.spec.pivot in state.events or plan.spec.completes in state.events
    for outcome, undo in plan.undo_of.items():
        own = plan.bits[outcome]
        step_undoing = plan.undo_steps.get(undo.request)
        takes = step_undoing.takes if step_undoing is not None else 0
        bits |= takes & ~own
        if not certain or state.failing:
            bits |= own
    if state.status is Status.RUNNING:
        for deadline in plan.deadlines.values():
            if deadline.unless not in state.events:
                bits |= plan.bits[deadline.after]
    return bits


def unpack(plan: Plan, saga_id: str, row: bytes) -> State:
    """Return the state that `row` was packed from, less the bytes nobody needs any more."""
    fields: Any = fastavro.schemaless_reader(BytesIO(row), _PARSED, None)
    state = State(saga_id, Status(fields["status"]))
    for name in _PLAIN:
        setattr(state, name, fields[name])
    state.seen = fields["seen"]
    for kept in fields["entries"]:
        kept["place"] = _PLACES[kept["place"]]
        kept["causes"] = tuple(kept["causes"])
        entry = Entry(**kept)
        state.keep(entry, plan.bits.get(entry.type, 0))
        state.seen[entry.id] = entry.digest
    for tries in fields["tries"]:
        slot = tries.pop("slot")
        state.tries[slot] = Tries(**tries)
    for incident in fields["incidents"]:
        key = incident.pop("key")
        state.incidents[key] = Incident(**incident)
    return state


def peek(row: bytes) -> tuple[int, Status, int, bool]:
    """Return a row's log offset, status, time and `rest` without decoding the others."""
    offset, at = _long(row, 0)
    status, at = _long(row, at)
    time, at = _long(row, at)
    return offset, _STATUSES[status], time, row[at] == 1


def _long(data: bytes, at: int) -> tuple[int, int]:
    """Read an Avro long (zig-zag, variable length) at `at`; return it and what follows."""
    shift = number = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (number >> 1) ^ -(number & 1), at
        shift += 7
