"""The events that Minuet itself says; every workflow has them.

Whatever the fold uses of them stands in the record's headers (`minuet.event.record`), so that
folding never reads a value; the bodies are for people and other tools.
"""

from __future__ import annotations

from minuet.event.model import Event


class StepRetrying(Event):
    """An attempt failed; the slot waits until `not_before` (ms since 1970)."""

    step: str
    slot: str
    attempt: int
    not_before: int
    error: str


class StepGaveUp(Event):
    """No further attempt is made: the slot is parked and waits for a person."""

    step: str
    slot: str
    attempt: int
    category: str
    error: str


class StepSkipped(Event):
    """The slot is answered without a run: never started in a failing saga, or by a person."""

    step: str
    slot: str
    reason: str


class StepResumed(Event):
    """A person lets a parked slot try again, under the same idempotency key."""

    step: str
    slot: str
    by: str
    reason: str


class RecordRejected(Event):
    """The value of the record at `offset` cannot be read; its saga waits for a person."""

    offset: int
    record_id: str
    reason: str


class SagaCancelled(Event):
    """A person makes the saga fail; a fail event of every saga."""

    by: str
    reason: str


class SagaCompleted(Event):
    """The end of a saga whose `completes` event won."""

    saga_id: str


class SagaCompensated(Event):
    """The end of a saga that failed and was undone."""

    saga_id: str
    failed_by: str


class SagaRedone(Event):
    """A person begins a new round of an ended, compensated saga.

    Its record carries the begin event's own bytes and digest, and has it as its only cause, so
    that folding needs no other record.
    """

    saga_id: str
    by: str
    reason: str


class SagaMigrated(Event):
    """By a rule of the workflow, a saga goes on under the version `to`, no longer under the one
    that it began with.
    """

    saga_id: str
    version: str
    to: str


PLATFORM_EVENTS: dict[str, type[Event]] = {
    model.__name__: model
    for model in (
        StepRetrying,
        StepGaveUp,
        StepSkipped,
        StepResumed,
        RecordRejected,
        SagaCancelled,
        SagaCompleted,
        SagaCompensated,
        SagaRedone,
        SagaMigrated,
    )
}
