"""Rules about events that nobody needs."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator

from minuet.event.model import Event, Request
from minuet.lint.rules import Finding
from minuet.lint.subject import Subject
from minuet.spec.check import models_of


def check(subject: Subject) -> Iterator[Finding]:
    """Look at what comes from outside, at deadlines, and at the modules of the events."""
    saga = subject.workflow.saga
    steps = subject.workflow.steps.values()
    needed = {event for step in steps for _, types in step.needs for event in types}
    parts = {saga.begins, saga.completes, saga.pivot, *saga.fails}
    parts.update(undo.outcome for undo in saga.undo)
    parts.update(event for d in saga.deadlines for event in (d.after, d.unless))
    for event in saga.external:
        if event not in needed | parts:
            message = f"{event.__name__} comes from outside, and nobody needs it"
            mend = "let a step need it, or take it off `external`"
            yield subject.at_saga("nobody-needs", message, mend)
    for deadline in saga.deadlines:
        if deadline.event not in needed | parts:
            message = f"the deadline {deadline.event.__name__} changes nothing when it passes"
            mend = "add it to `fails`, or let a step need it"
            yield subject.at_saga("nobody-needs", message, mend)
    yield from _unnamed(subject)


def _unnamed(subject: Subject) -> Iterator[Finding]:
    """Event classes beside those of the workflow that no workflow of the project names."""
    if subject.elsewhere is None:
        return
    workflow = subject.workflow
    named = {*models_of(workflow.saga, workflow.steps.values()), *subject.elsewhere}
    for module in {model.__module__: None for model in workflow.models.values()}:
        for name, kind in vars(sys.modules[module]).items():
            if not inspect.isclass(kind) or not issubclass(kind, Event) or kind in (Event, Request):
                continue
            if kind.__module__ == module and kind not in named and not kind.__subclasses__():
                file = inspect.getsourcefile(kind) or ""
                source = subject.sources.of(file)
                line = source.classes.get(kind.__name__, 1) if source is not None else 1
                message = f"no workflow says or needs the event {name}"
                mend = "let a step say it or need it, or remove the class"
                yield Finding("nobody-needs", message, mend, file, line)
