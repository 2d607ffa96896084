"""Rules whose findings come from exploring: a saga that gets stuck, a step that never becomes due.

What is stuck is told first; the others may follow from it, and are asked once it is mended.
"""

from __future__ import annotations

from collections.abc import Iterator

from minuet.core.state import Status
from minuet.lint.exploration.explore import Exploration
from minuet.lint.exploration.story import tell
from minuet.lint.rules import RULES, Finding
from minuet.lint.subject import Subject


def check(subject: Subject, found: Exploration) -> Iterator[Finding]:
    """Say what an exploration of the workflow means."""
    if found.stuck is not None:
        story, mend = tell(subject.plan, found.stuck)
        where = "turn in a circle" if found.stuck.again is not None else "get stuck"
        message = f"it can {where}, in {found.stuck_states:,} of {found.states:,} states"
        yield subject.at_saga("stuck", message, mend or RULES["stuck"].do, story=story)
        return
    if not found.complete:
        return
    for name, step in subject.workflow.steps.items():
        if name not in found.ran:
            message = "it never becomes due, whatever the others say"
            yield subject.at_step(step, "never-runs", message, RULES["never-runs"].do)
    if Status.COMPLETED not in found.ends:
        message = "it can never complete, whatever its steps say"
        yield subject.at_saga("cannot-end", message, RULES["cannot-end"].do)
