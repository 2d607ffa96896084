"""Where a run under faults stands, in a file: one that was broken off is gone on with."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from minuet.chaos.faults import Fired
from minuet.errors import UsageError


@dataclass
class State:
    """How far a run is.

    Attributes:
        workflow, seed: what is run.
        elapsed_s: under load so far, over all its parts.
        sent: number of the next begin event.
        faults: that were made.
        nodes: of Kafka.
        loads: of the machine, of the last minute, when each part began and ended.
    """

    workflow: str
    seed: int
    elapsed_s: float = 0.0
    sent: int = 0
    faults: list[Fired] = field(default_factory=list)
    nodes: int = 1
    loads: list[float] = field(default_factory=list)

    def made(self) -> list[str]:
        """The kinds of the faults that were made, each as often as it was."""
        return [fault.kind for fault in self.faults]

    def note_load(self) -> None:
        """Note how busy the machine is."""
        self.loads.append(round(os.getloadavg()[0], 1))

    def save(self, file: Path) -> None:
        """Write it, all or nothing."""
        new = file.with_suffix(".new")
        new.write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")
        new.replace(file)


def load(file: Path, workflow: str, nodes: int = 1) -> State:
    """Read where a run of a workflow stands, on a Kafka of so many nodes.

    Raises:
        UsageError: there is none, it is of another workflow or Kafka, or the file is no such state.
    """
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        state = State(**{**found, "faults": [Fired(**one) for one in found["faults"]]})
    except OSError as error:
        message = f"{file}: {error.strerror}; there is no run to go on with: leave --resume out"
        raise UsageError(message) from error
    except (ValueError, TypeError, KeyError) as error:
        message = f"{file}: not the state of a run: leave --resume out to begin anew"
        raise UsageError(message) from error
    if state.workflow != workflow:
        message = f"{file}: the run that was broken off is one of {state.workflow}, not {workflow}"
        raise UsageError(message)
    if state.nodes != nodes:
        message = f"{file}: the run that was broken off has a Kafka of --nodes {state.nodes}"
        raise UsageError(message)
    return state
