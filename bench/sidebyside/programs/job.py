"""What a program is told: one JSON document in the environment, as a deployment would say it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass

VARIABLE = "SIDEBYSIDE"
SESSION_S = 6  # how long a group waits for a member that says nothing: Minuet's
COMMIT_S = 0.2  # between two commits: Minuet's


@dataclass(frozen=True)
class Job:
    """Where Kafka is, and what belongs to this run alone.

    Args:
        topic: the log; `table`: the compacted topic of who needs one that he made himself.
        group: of the consumers, and the name of an app.
        state: a folder for what a library keeps on disk.
        effects: the file to which each run of a handler adds a line; empty for none.
    """

    bootstrap: str
    topic: str
    table: str
    group: str
    partitions: int
    state: str
    effects: str = ""

    @classmethod
    def told(cls) -> Job:
        """Read it from the environment."""
        return cls(**json.loads(os.environ[VARIABLE]))

    def note(self) -> Callable[[str, str], None]:
        """Return what a handler tells of each run: a line that outlives the process."""
        if not self.effects:
            return lambda _step, _order: None
        file = os.open(self.effects, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

        def note(step: str, order: str) -> None:
            os.write(file, f"{step} {order}\n".encode())

        return note
