"""Rules about ends: a saga that cannot complete, and a step that waits for both of its ends."""

from __future__ import annotations

from collections.abc import Iterator

from minuet.event.platform import SagaCancelled, SagaCompensated, SagaCompleted
from minuet.lint.rules import Finding
from minuet.lint.subject import Subject


def check(subject: Subject) -> Iterator[Finding]:
    """Look at what comes for certain before the end, and before each step."""
    whole, saga = subject.whole, subject.workflow.saga
    before = whole.certain(saga.completes)
    requests = {event for undo in saga.undo for event in (undo.request, undo.undone)}
    way_back = whole.certain(saga.pivot) if saga.pivot is not None else before
    fails = before & way_back & {*saga.fails, SagaCancelled}
    only_failing = fails | (before & {*requests, SagaCompensated})
    for first in sorted(event.__name__ for event in only_failing)[:1]:
        completes = saga.completes.__name__
        message = f"it can never complete: {completes} comes only after {first}, "
        message += "when the saga has failed"
        mend = f"let a step of the good way say {completes}, or complete the saga by another event"
        yield subject.at_saga("cannot-end", message, mend)
    for step in subject.workflow.steps.values():
        if {SagaCompleted, SagaCompensated} <= whole.certain_of(step):
            message = "it can never run: a saga is completed or compensated, never both"
            mend = "write `SagaCompleted | SagaCompensated`, or two steps"
            yield subject.at_step(step, "never-runs", message, mend)
