"""The events of a workflow that may come from outside, and be published by anybody."""

from __future__ import annotations

from minuet.errors import UsageError
from minuet.event.model import Event
from minuet.spec.assemble import Workflow


def from_outside(workflow: Workflow) -> dict[str, type[Event]]:
    """The events, by name, that neither a step nor the coordinator says."""
    inside = _inside(workflow)
    return {name: model for name, model in workflow.models.items() if name not in inside}


def publishable(workflow: Workflow, event: str) -> type[Event]:
    """The class of an event that may be published.

    Raises:
        UsageError: the workflow says it itself, or has no such event.
    """
    outside = from_outside(workflow)
    if event not in outside:
        known, name = ", ".join(sorted(outside)), workflow.spec.name
        if event in _inside(workflow):
            message = f"{event} is said by the workflow itself; publish one of: {known}"
        else:
            message = f"{name} has no event {event}; publish one of: {known}"
        raise UsageError(message)
    return outside[event]


def _inside(workflow: Workflow) -> set[str]:
    spec = workflow.spec
    said = {name for step in spec.steps for name in step.says}
    said |= {undo.request for undo in spec.undo}
    return said | {deadline.type for deadline in spec.deadlines}
