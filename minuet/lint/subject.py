"""What the rules look at: an assembled workflow, its choreography, and the text of its modules."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from minuet.core.plan import Plan, compile_plan
from minuet.event.model import Event
from minuet.lint.rules import Finding
from minuet.lint.source import Sources
from minuet.spec.assemble import Workflow
from minuet.spec.check import Choreography, check
from minuet.step import StepDefinition


@dataclass(frozen=True)
class Subject:
    """A workflow to be looked at.

    Args:
        workflow: assembled, so that nothing of it is refused.
        elsewhere: the events that the project's other workflows name; None when nobody looked.
    """

    workflow: Workflow
    elsewhere: frozenset[type[Event]] | None = None

    @cached_property
    def plan(self) -> Plan:
        """The compiled spec."""
        return compile_plan(self.workflow.spec)

    @cached_property
    def whole(self) -> Choreography:
        """Who says what, and after what."""
        return check(self.workflow.saga, tuple(self.workflow.steps.values()))

    @cached_property
    def sources(self) -> Sources:
        """The modules that were read so far."""
        return Sources()

    def at_saga(
        self, rule: str, message: str, mend: str, *, place: tuple[str, int] = ("", 0),
        story: tuple[str, ...] = (),
    ) -> Finding:  # fmt: skip
        """A finding about the saga's table, or about another place that is written down."""
        saga = self.workflow.saga
        file, line = place if place[0] else (saga.file, saga.line)
        return Finding(rule, f"saga {saga.name}: {message}", mend, file, line, story=story)

    def at_step(
        self, step: StepDefinition, rule: str, message: str, mend: str, *, line: int = 0
    ) -> Finding:
        """A finding about a step."""
        spec = step.spec
        text = f"step {spec.name}: {message}"
        return Finding(rule, text, mend, spec.file, line or spec.line, spec.name)
