"""A unit: what one worker does of a workflow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from minuet.spec.assemble import Workflow


@dataclass(frozen=True)
class Unit:
    """Some steps, and perhaps the coordinator's part."""

    workflow: Workflow
    steps: frozenset[str]
    coordinates: bool
    resources: Mapping[type, object]
