"""The record of an action: the event that fulfils a wish, with who and why."""

from __future__ import annotations

from minuet.action.view import View, fold_headers
from minuet.action.wish import Deed
from minuet.contracts.codec import Codec
from minuet.event.model import Event
from minuet.event.person import Person
from minuet.event.platform import SagaCancelled, StepResumed, StepSkipped
from minuet.event.record import (
    DIGEST,
    REASON,
    SCHEMA,
    TRACEPARENT,
    WORKFLOW_VERSION,
    Headers,
    base_headers,
)


def compose(
    view: View, deed: Deed, person: Person, codec: Codec, event: Event | None
) -> tuple[bytes, Headers]:
    """Return the value and the headers of a deed.

    Args:
        view: the saga as it stands.
        deed: what is to be appended.
        person: who wants it.
        codec: of the workflow's events.
        event: an answer's content.
    """
    spec, state = view.plan.spec, view.state
    headers = base_headers(deed.id, deed.type, f"/minuet/{spec.name}/person".encode(), view.now_ms)
    trace = state.trace
    if deed.carries is not None:
        value, carried = deed.carries.value, deed.carries.headers
        headers += [(name, carried[name]) for name in (SCHEMA, DIGEST) if name in carried]
        trace = deed.carries.text(TRACEPARENT)
    else:
        encoded = codec.encode(event or _body(deed, person))
        value = encoded.value
        headers += [(SCHEMA, encoded.schema), (DIGEST, encoded.digest)]
    headers.append((WORKFLOW_VERSION, spec.version.encode()))
    headers += fold_headers(deed, state, person.by)
    headers.append((REASON, person.why.encode(errors="replace")))
    if trace:
        headers.append((TRACEPARENT, trace.encode()))
    return value, headers


def _body(deed: Deed, person: Person) -> Event:
    by, why = person.by, person.why
    match deed.type:
        case "StepResumed":
            return StepResumed(step=deed.step, slot=deed.slot, by=by, reason=why)
        case "StepSkipped":
            return StepSkipped(step=deed.step, slot=deed.slot, reason=why)
        case "SagaCancelled":
            return SagaCancelled(by=by, reason=why)
    raise AssertionError(deed.type)
