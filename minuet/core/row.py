"""A saga's row: its state as one Avro record that other tools can read.

A row is a function of the fold alone: raw bytes stay only where a step that has not answered, or a
possible undo, still needs them. The first four fields can be read without the others (`peek`).
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

import fastavro

from minuet.core.binary import add_bytes, add_text, number, read_number
from minuet.core.plan import Plan
from minuet.core.state import Entry, Incident, Place, State, Status, Tries

# The row of a saga of which no record was folded. Nobody writes it but to have what was written
# before it count no more.
BLANK = b"\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
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
_NUMBERS = {status: n for n, status in enumerate(Status)}
_END = b"\x00"  # of an array or a map
_FIRST_BRANCH, _SECOND_BRANCH = b"\x00", b"\x02"  # of a union
_PLAIN = (
    "log_offset", "at", "round", "version", "trace", "failed_by", "failed_offset",
    "begin_id", "begin_digest", "begin_offset", "known", "counts",
)  # fmt: skip


def pack(plan: Plan, state: State) -> bytes:
    """Return the row of a state, in the form of `ROW_SCHEMA`."""
    rest = state.status.ended and not state.seen
    entries = [] if rest else sorted(state.entries(), key=lambda entry: entry.offset)
    plan = plan.of(state.version)
    parts = [
        number(state.log_offset), number(_NUMBERS[state.status]), number(state.at),
        b"\x01" if rest else b"\x00",
    ]  # fmt: skip
    for text in (state.round, state.version, state.trace, state.failed_by):
        add_text(parts, text)
    parts.append(number(state.failed_offset))
    add_text(parts, state.begin_id)
    add_text(parts, state.begin_digest)
    parts.append(number(state.begin_offset))
    add_bytes(parts, state.known)
    _add_counts(parts, state.counts)
    _add_entries(parts, plan, state, entries)
    kept = {entry.id for entry in entries}
    _add_texts(parts, {i: digest for i, digest in state.seen.items() if i not in kept})
    _add_tries(parts, state.tries)
    _add_incidents(parts, state.incidents)
    return b"".join(parts)


def _add_counts(parts: list[bytes], counts: dict[str, int]) -> None:
    if counts:
        parts.append(number(len(counts)))
        for name, count in counts.items():
            add_text(parts, name)
            parts.append(number(count))
    parts.append(_END)


def _add_texts(parts: list[bytes], texts: dict[str, str]) -> None:
    if texts:
        parts.append(number(len(texts)))
        for name, text in texts.items():
            add_text(parts, name)
            add_text(parts, text)
    parts.append(_END)


def _add_entries(parts: list[bytes], plan: Plan, state: State, entries: list[Entry]) -> None:
    if entries:
        needed = needed_types(plan, state)
        parts.append(number(len(entries)))
        for entry in entries:
            kept = entry.place in (Place.STRAY, Place.HELD)
            _add_entry(parts, entry, kept or bool(plan.bits.get(entry.type, 0) & needed))
    parts.append(_END)


def _add_entry(parts: list[bytes], entry: Entry, keeps: bool) -> None:
    add_text(parts, entry.id)
    add_text(parts, entry.type)
    parts.append(number(entry.offset))
    parts.append(number(entry.time))
    add_text(parts, entry.digest)
    add_text(parts, entry.place.value)
    add_text(parts, entry.slot)
    add_text(parts, entry.undoes)
    add_bytes(parts, entry.schema if keeps else b"")
    if keeps and entry.value is not None:
        parts.append(_SECOND_BRANCH)
        add_bytes(parts, entry.value)
    else:
        parts.append(_FIRST_BRANCH)
    parts.append(b"\x01" if entry.rejected else b"\x00")
    if entry.causes:
        parts.append(number(len(entry.causes)))
        for cause in entry.causes:
            add_text(parts, cause)
    parts.append(_END)


def _add_tries(parts: list[bytes], tries: dict[str, Tries]) -> None:
    if tries:
        parts.append(number(len(tries)))
        for slot, tried in tries.items():
            add_text(parts, slot)
            add_text(parts, tried.step)
            parts.append(number(tried.attempt))
            parts.append(number(tried.not_before))
            parts.append(b"\x01" if tried.parked else b"\x00")
            parts.append(number(tried.since))
            parts.append(b"\x01" if tried.decided else b"\x00")
    parts.append(_END)


def _add_incidents(parts: list[bytes], incidents: dict[str, Incident]) -> None:
    if incidents:
        parts.append(number(len(incidents)))
        for key, incident in incidents.items():
            add_text(parts, key)
            add_text(parts, incident.kind)
            add_text(parts, incident.about)
            parts.append(number(incident.offset))
            add_text(parts, incident.reason)
    parts.append(_END)


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
    plan = plan.of(state.version)
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


def is_blank(row: bytes) -> bool:
    """Whether the row says that nothing is known of its saga, whatever stood there before."""
    return row == BLANK


def peek(row: bytes) -> tuple[int, Status, int, bool]:
    """Return a row's log offset, status, time and `rest` without decoding the others."""
    offset, at = read_number(row, 0)
    status, at = read_number(row, at)
    time, at = read_number(row, at)
    return offset, _STATUSES[status], time, row[at] == 1
