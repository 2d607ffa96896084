"""The rule about resources."""

from __future__ import annotations

from collections.abc import Iterator

from minuet.lint.rules import Finding
from minuet.lint.subject import Subject


def check(subject: Subject) -> Iterator[Finding]:
    """Look for a simulated form of each resource that a step takes."""
    saga = subject.workflow.saga
    taken = {kind: step for step in subject.workflow.steps.values() for _, kind in step.resources}
    for kind in taken:
        provided = saga.provided[kind]
        if provided.simulated is None:
            message = f"{kind.__name__} has no simulated form"
            mend = f"add simulated=... to {saga.name}.provide({kind.__name__}, ...): without it "
            mend += "the workflow can be neither tried nor tested without the service"
            yield subject.at_saga("not-simulated", message, mend, place=provided.place)
