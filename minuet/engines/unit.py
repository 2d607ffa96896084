"""A unit: what one worker does of a workflow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from minuet.spec.assemble import Workflow
from minuet.spec.model import StepSpec
from minuet.spec.versions import misfit


@dataclass(frozen=True)
class Unit:
    """Some steps, and perhaps the coordinator's part."""

    workflow: Workflow
    steps: frozenset[str]
    coordinates: bool
    resources: Mapping[type, object]

    def runs(self, step: StepSpec) -> bool:
        """Whether it runs a step as the saga's own version has it; else the saga waits."""
        if step.name not in self.steps:
            return False
        own = self.workflow.steps[step.name].spec
        return own is step or not misfit(step, own)
