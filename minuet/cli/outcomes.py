"""What came of a person's action, in lines and as plain data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from minuet.action.act import Outcome
from minuet.action.settling import command, possible
from minuet.action.view import View, moment
from minuet.cli.plain import plain
from minuet.event.record import BY, REASON, Record
from minuet.spec.assemble import Workflow

_DONE = {
    "StepResumed": "resumed",
    "StepSkipped": "skipped",
    "SagaCancelled": "cancelled",
    "SagaRedone": "begun anew",
}


def lines(saga: str, outcome: Outcome, loaded: Workflow) -> Iterator[str]:
    """What came of a wish, and what is possible now."""
    view, deed = outcome.view, outcome.deed
    by = _by(outcome.by) if outcome.by is not None else ""
    match outcome.result:
        case "effective" if deed is not None:
            yield f"{_DONE.get(deed.type, 'answered')}: {deed.about}"
            yield f"  {deed.type} at partition {view.history.partition}, offset {outcome.offset}"
        case "earlier":
            yield f"done before: {by}"
        case "refused":
            yield f"minuet: refused: {outcome.why}"
        case _:
            yield f"minuet: without effect ({outcome.result}): {outcome.why}"
            if by:
                yield f"  {by}"
    yield f"{saga} is {view.state.status.value}"
    for incident in view.state.incidents.values():
        reason = plain(incident.reason)
        yield f"  waits for a person: {incident.kind}: {incident.about} {reason}".rstrip()
    found = commands(view, loaded)
    if found and (view.state.incidents or not outcome.is_done):
        yield "possible now:"
        yield from (f"  {each}" for each in found)


def commands(view: View, loaded: Workflow) -> list[str]:
    """All that a person may do about the saga, ready to be pasted."""
    name, saga = loaded.spec.name, view.history.saga
    return [command(name, saga, wish, loaded.models) for wish in possible(view)]


def _by(record: Record) -> str:
    who = f"{record.type} by {plain(record.text(BY)) or 'somebody'} at {moment(record.time)}"
    return f"{who}, offset {record.offset}: {plain(record.text(REASON))}"


def as_dict(outcome: Outcome, loaded: Workflow) -> dict[str, Any]:
    """The same as plain data."""
    view, deed, first = outcome.view, outcome.deed, outcome.by
    return {
        "workflow": loaded.spec.name,
        "saga": view.history.saga,
        "result": outcome.result,
        "why": outcome.why,
        "event": deed.type if deed is not None else "",
        "id": deed.id if deed is not None else "",
        "about": deed.about if deed is not None else "",
        "partition": view.history.partition,
        "offset": outcome.offset,
        "first": None
        if first is None
        else {
            "type": first.type,
            "by": first.text(BY),
            "why": first.text(REASON),
            "at": moment(first.time),
            "offset": first.offset,
        },
        "status": view.state.status.value,
        "incidents": [
            {"kind": each.kind, "about": each.about, "reason": each.reason}
            for each in view.state.incidents.values()
        ],
        "possible": commands(view, loaded),
    }
