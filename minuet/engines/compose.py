"""Records that a unit says: answers, tries, requests, rows, dead letters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from minuet.contracts.codec import Codec
from minuet.core.decide import Say
from minuet.core.due import Slot
from minuet.core.state import Entry, State
from minuet.engines.log import Append, Unreadable
from minuet.errors import ContractError
from minuet.event import ids
from minuet.event.model import Event, Request
from minuet.event.platform import (
    RecordRejected,
    SagaCompensated,
    SagaCompleted,
    SagaMigrated,
    StepGaveUp,
    StepRetrying,
    StepSkipped,
)
from minuet.event.record import (
    ATTEMPT,
    CAUSES,
    DIGEST,
    ID,
    LATE,
    MIGRATES,
    NOT_BEFORE,
    REASON,
    REJECTS,
    ROUND,
    SCHEMA,
    SLOT,
    STEP,
    TRACEPARENT,
    TYPE,
    UNDOES,
    WORKFLOW_VERSION,
    Headers,
    base_headers,
)
from minuet.spec.model import Spec

EARLIER = "minuet_earlier"  # of a dead letter: the one that the same slot made before
LEFT_OUT = "minuet_left_out"  # of a dead letter: what of its record it does not hold


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why something became a dead letter.

    `since`: the attempt at which the slot had given up before, and a person resumed it; 0 if never.
    """

    category: str
    error: str
    step: str = ""
    slot: str = ""
    attempt: int = 0
    since: int = 0


class Composer:
    """Makes the records of one workflow.

    Args:
        spec: of the workflow.
        codec: for its events.
        now_ms: the engine's clock; `ce_time` is for people and decides nothing.
    """

    def __init__(self, spec: Spec, codec: Codec, now_ms: Callable[[], int]) -> None:
        self._spec = spec
        self._codec = codec
        self._now_ms = now_ms
        self._topic = spec.log_topic
        self._source = f"/minuet/{spec.name}".encode()
        self._version = (WORKFLOW_VERSION, spec.version.encode())

    def answer(self, slot: Slot, state: State, event: Event, partition: int) -> Append:
        """The outcome of a slot.

        Raises:
            ContractError: the event does not fit its schema.
        """
        identity = ids.answer_id(slot.id, type(event).__name__)
        more = _slot_headers(slot)
        more.append((CAUSES, ",".join([cause.id for cause in slot.causes]).encode()))
        if slot.undoes:
            more.append((UNDOES, slot.undoes.encode()))
        elif slot.in_doubt:
            more.append((LATE, b"1"))
        return self._event(identity, event, state, partition, more)

    def retrying(self, slot: Slot, state: State, partition: int, event: StepRetrying) -> Append:
        """The event that a slot waits."""
        identity = ids.attempt_id(slot.id, "StepRetrying", event.attempt)
        more = _attempt_headers(slot, event.attempt, event.error)
        more.append((NOT_BEFORE, str(event.not_before).encode()))
        return self._event(identity, event, state, partition, more)

    def gave_up(self, slot: Slot, state: State, partition: int, trouble: Trouble) -> Append:
        """The event that a slot waits for a person."""
        event = StepGaveUp(
            step=slot.step.name, slot=slot.id, attempt=trouble.attempt,
            category=trouble.category, error=trouble.error,
        )  # fmt: skip
        identity = ids.attempt_id(slot.id, "StepGaveUp", trouble.attempt)
        more = _attempt_headers(slot, trouble.attempt, trouble.error)
        return self._event(identity, event, state, partition, more)

    def skipped(self, slot: Slot, state: State, partition: int) -> Append:
        """The answer of a slot in doubt that nobody started."""
        event = StepSkipped(step=slot.step.name, slot=slot.id, reason="never started")
        identity = ids.answer_id(slot.id, "StepSkipped")
        return self._event(identity, event, state, partition, _slot_headers(slot))

    def rejected(self, entry: Entry, reason: str, state: State, partition: int) -> Append:
        """The event that a record's value cannot be read."""
        event = RecordRejected(offset=entry.offset, record_id=entry.id, reason=reason)
        identity = ids.action_id("RecordRejected", entry.id)
        more = [
            (REJECTS, str(entry.offset).encode()),
            (CAUSES, entry.id.encode()),
            (REASON, reason.encode()),
        ]
        return self._event(identity, event, state, partition, more)

    def said(self, say: Say, state: State, partition: int) -> Append:
        """What the coordinator says: a request, a deadline event, or the saga's end.

        Raises:
            UnreadableValue: the event whose fields are copied cannot be read.
            ContractError: the request cannot be made of it.
        """
        more: Headers = []
        if say.undoes:
            more.append((UNDOES, say.undoes.encode()))
        if say.of is not None:
            more.append((CAUSES, say.of.id.encode()))
        if say.not_before:
            more.append((NOT_BEFORE, str(say.not_before).encode()))
        if say.type == "SagaMigrated":
            more.append((MIGRATES, say.reason.encode()))
        return self._event(say.id, self._body(say, state), state, partition, more)

    def _body(self, say: Say, state: State) -> Event:
        if say.type == "SagaCompleted":
            return SagaCompleted(saga_id=state.saga_id)
        if say.type == "SagaCompensated":
            return SagaCompensated(saga_id=state.saga_id, failed_by=say.reason)
        if say.type == "SagaMigrated":
            to = self._spec.version
            return SagaMigrated(saga_id=state.saga_id, version=say.reason, to=to)
        model = self._codec.model(say.type)
        more = model.model_fields.keys() - Request.model_fields.keys()
        copied = {}
        if more and say.of is not None:
            source = self._codec.decode(say.of.type, say.of.schema, say.of.value or b"")
            copied = {name: getattr(source, name) for name in more if hasattr(source, name)}
        try:
            fields = {"saga_id": state.saga_id, "undoes": say.undoes, "reason": say.reason}
            return model(**fields, **copied)
        except ValueError as bad:
            message = f"{say.type} of saga {state.saga_id} cannot be made: {bad}"
            raise ContractError(message) from bad

    def letter(
        self, record: Unreadable, partition: int, trouble: Trouble, missing: Sequence[str] = ()
    ) -> Append:
        """The original bytes of a record that could not be handled, the reason beside them.

        Args:
            record: as it stands on the log.
            partition: of the log.
            trouble: the reason.
            missing: which parts of the record could not be had.
        """
        place = (self._topic, partition, record.offset, trouble.slot, trouble.attempt)
        identity = ids.dead_letter_id(*place)
        headers = [
            *record.headers,
            ("minuet_letter", identity.encode()),
            ("minuet_category", trouble.category.encode()),
            ("minuet_error", trouble.error.encode()),
            ("minuet_step", trouble.step.encode()),
            ("minuet_slot", trouble.slot.encode()),
            ("minuet_attempt", str(trouble.attempt).encode()),
            ("minuet_source", f"{self._topic}/{partition}/{record.offset}".encode()),
            ("minuet_source_time", str(record.time).encode()),
        ]
        if trouble.since:
            before = ids.dead_letter_id(*place[:-1], trouble.since)
            headers.append((EARLIER, before.encode()))
        if missing:
            headers.append((LEFT_OUT, ",".join(missing).encode()))
        topic = self._spec.dead_letter_topic
        return Append(topic, partition, record.key, record.value, headers)

    def row(self, partition: int, key: str, row: bytes | None) -> Append:
        """A row of the saga table, or its tombstone."""
        return Append(self._spec.table_topic, partition, key.encode(), row, [])

    def _event(
        self, identity: str, event: Event, state: State, partition: int, more: Headers
    ) -> Append:
        encoded = self._codec.encode(event)
        headers = base_headers(identity, type(event).__name__, self._source, self._now_ms())
        headers.append((SCHEMA, encoded.schema))
        headers.append((DIGEST, encoded.digest))
        headers.append(self._version)
        headers += more
        if state.trace:
            headers.append((TRACEPARENT, state.trace.encode()))
        if state.round:
            headers.append((ROUND, state.round.encode()))
        key = state.saga_id.encode()
        return Append(self._topic, partition, key, encoded.value, headers, identity)


def _slot_headers(slot: Slot) -> Headers:
    return [(SLOT, slot.id.encode()), (STEP, slot.step.name.encode())]


def _attempt_headers(slot: Slot, attempt: int, error: str) -> Headers:
    return [*_slot_headers(slot), (ATTEMPT, str(attempt).encode()), (REASON, error.encode())]


def shortened(letter: Append) -> Append | None:
    """Return a letter with less in it: without its value, then with our own headers alone.

    None when nothing can be left out any more.
    """
    headers = dict(letter.headers)
    left_out = (headers.pop(LEFT_OUT, None) or b"").decode(errors="replace").split(",")
    value: bytes | None = None
    kept = list(headers.items())
    if letter.value:
        missing = f"value ({len(letter.value)} bytes)"
    elif any(not name.startswith("minuet_") and name not in (ID, TYPE) for name in headers):
        missing = "headers"
        kept = [pair for pair in kept if pair[0].startswith("minuet_") or pair[0] in (ID, TYPE)]
    else:
        return None
    told = ",".join(dict.fromkeys([*filter(None, left_out), missing]))
    kept.append((LEFT_OUT, told.encode()))
    less = Append(letter.topic, letter.partition, letter.key, value, kept)
    less.acked, less.note, less.owner = letter.acked, letter.note, letter.owner
    less.then = letter.then
    return less


def held(saga_id: str, entry: Entry) -> Unreadable:
    """Return an entry of a state in the shape that `Composer.letter` takes."""
    headers = [
        (ID, entry.id.encode()), (TYPE, entry.type.encode()),
        (SCHEMA, entry.schema), (DIGEST, entry.digest.encode()),
    ]  # fmt: skip
    key, value = saga_id.encode(), entry.value or None  # none was there, or an empty one: as good
    return Unreadable(entry.offset, entry.time, key, value, headers, "")
