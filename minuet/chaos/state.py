"""Where a run under faults stands, in a file: one that was broken off is gone on with."""

from __future__ import annotations

import json
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
    """

    workflow: str
    seed: int
    elapsed_s: float = 0.0
    sent: int = 0
    faults: list[Fired] = field(default_factory=list)

    def save(self, file: Path) -> None:
        """Write it, all or nothing."""
        new = file.with_suffix(".new")
        new.write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")
        new.replace(file)


def load(file: Path, workflow: str) -> State:
    """Read where a run of a workflow stands.

    Raises:
        UsageError: there is none, it is of another workflow, or the file is no such state.
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
    return state
