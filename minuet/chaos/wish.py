"""What is asked of a run under faults, who is told how far it is, and what it came to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from minuet.chaos.audit import Audit, Lives
from minuet.chaos.faults import Fired
from minuet.chaos.plan import kinds_of
from minuet.chaos.state import State
from minuet.event.model import Event
from minuet.settings.worker import Guarantee
from minuet.spec.assemble import Workflow
from minuet.spec.model import Spec
from minuet.verify import Report


@dataclass(frozen=True)
class Wish:
    """What is asked for.

    Args:
        workflow: to run; `events` begin its sagas; it may begin sagas of the `others`.
        project: the folder that holds pyproject.toml.
        seconds: under load, at most.
        rate: sagas begun in a second.
        every_s: a fault on average so often; `kinds` of faults.
        rounds: the load ends when each kind was made so often; 0 for when the time is over.
        nodes: of Kafka; of several, one at a time is hit.
        workers: at once; `supervised`: each by a supervisor; `guarantee`: how they write.
        shop: whether steps reach `minuet demo shop`; else their resources are simulated ones.
        latency_ms: of each call of the shop: what is in flight is what a fault can hit.
        seed: of the faults.
        resume: go on with the run that was broken off, under its own seed.
    """

    workflow: Workflow
    events: Sequence[Event]
    others: Sequence[Spec]
    project: Path
    seconds: float = 300.0
    rate: float = 100.0
    every_s: float = 10.0
    kinds: tuple[str, ...] = kinds_of(1)
    rounds: int = 0
    nodes: int = 1
    workers: int = 2
    supervised: bool = False
    guarantee: Guarantee = "at-least-once"
    shop: bool = True
    latency_ms: int = 200
    seed: int = 0
    resume: bool = False

    @property
    def folder(self) -> Path:
        """Where the run keeps its broker, its ledger and its state."""
        return self.project / ".minuet" / "chaos"


@dataclass(frozen=True)
class Found:
    """What a run came to; `settled_s`: from when all was mended to the end of the last saga."""

    state: State
    settled_s: float
    audit: Audit
    lives: Lives
    verify: Report

    @property
    def ok(self) -> bool:
        """Whether every promise was kept."""
        return not self.audit.violated and self.verify.ok


class Stages(Protocol):
    """Who is told how far the run is."""

    def stage(self, text: str) -> None:
        """Something begins."""

    def fired(self, fault: Fired, number: int, of: int) -> None:
        """A fault was made, the `number`th of its kind `of` so many; 0 for as many as there are."""

    def look(self, done: int, of: int) -> None:
        """How far it is, in seconds or in rounds; called many times a second."""
