"""How a workflow is simulated, and what happens to its workers: plain data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from minuet.engines.model_broker import NO_FAULTS, Faults
from minuet.engines.row_store import RowStores
from minuet.engines.turns import TURNS, Turns
from minuet.event.model import Event
from minuet.settings.worker import Options
from minuet.spec.assemble import Form
from minuet.step import StepDefinition


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that is done to a worker, by its number, `at_ms` after the start.

    A `crash` is a kill right after the worker has sent `after` more things.
    """

    at_ms: float
    what: Literal["start", "stop", "kill", "crash", "freeze", "thaw"]
    worker: int
    after: int = 0


@dataclass(frozen=True, slots=True)
class Settings:
    """How a simulation is run.

    Args:
        workers: that start at once, numbered from 0.
        spread_ms: over which the events are published, evenly.
        options: of each worker; handlers never run in threads here. A look for rows every so often
            would never end: here there is none.
        stores: makes what a worker keeps its rows in, all on one machine; None for memory.
        turns: for how long a look through many sagas keeps others waiting.
        form: of the resources; `around`: what stands in for each, given its class and itself.
        ear: what stands in for each step, given the name of the worker and itself.
        later: more events to be published, each so many ms after the start.
        restarts: once all is done, the table is compacted, and one worker restores all of it.
    """

    workers: int = 2
    faults: Faults = NO_FAULTS
    script: tuple[Happening, ...] = ()
    spread_ms: int = 0
    options: Options = field(default_factory=Options)
    stores: Callable[[], RowStores] | None = None
    turns: Turns = TURNS
    form: Form = "simulated"
    around: Callable[[type, object], object] | None = None
    ear: Callable[[str, StepDefinition], StepDefinition] | None = None
    later: tuple[tuple[float, Event], ...] = ()
    restarts: bool = False
