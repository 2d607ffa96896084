"""The rule about outcomes that cannot be undone.

A step has an effect on the outside when it hands over its idempotency key: whoever has an effect
wants one, and who only asks needs none.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from minuet.lint.rules import Finding
from minuet.lint.subject import Subject
from minuet.step import StepDefinition

_KEYS = frozenset(("idempotency_key", "slot"))  # of the context


def check(subject: Subject) -> Iterator[Finding]:
    """Look at the outcomes of every forward step that may happen before the pivot."""
    plan = subject.plan
    for planned in plan.forward:
        step = subject.workflow.steps[planned.name]
        if not step.resources or not _has_effect(subject, step):
            continue
        for said in planned.spec.says:
            harmless = said in plan.fails or said == plan.spec.completes
            late = said in plan.beyond_pivot or bool(plan.bits[said] & plan.reactions)
            if not harmless and not late and said not in plan.undo_of:
                message = f"{said} has an effect, may happen before the saga fails, and has no undo"
                mend = (
                    f"add Undo({said}, SomeRequest, SomeUndone) to the saga; if nothing is to be "
                    f"undone, silence it for this step"
                )
                yield subject.at_step(step, "not-undone", message, mend)


def _has_effect(subject: Subject, step: StepDefinition) -> bool:
    """Whether the step hands over its key, or the context that holds it."""
    source = subject.sources.of(step.spec.file)
    node = source.at(step.spec.name, step.spec.line) if source is not None else None
    if node is None or step.context is None:
        return step.context is not None
    owned = {id(n.value) for n in ast.walk(node) if isinstance(n, ast.Attribute)}
    for each in ast.walk(node):
        match each:
            case ast.Attribute(value=ast.Name(id=step.context), attr=name) if name in _KEYS:
                return True
            case ast.Name(id=step.context) if id(each) not in owned:
                return True
    return False
