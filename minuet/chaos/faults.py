"""Does what a plan says to workers and broker, and notes when it was done."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from minuet.chaos.crew import Crew
from minuet.chaos.plan import Fault
from minuet.dev import Broker


@dataclass(frozen=True)
class Fired:
    """A fault that was made: `at_ms` since 1970, what it hit in words, and for how long."""

    at_ms: int
    kind: str
    what: str
    seconds: float


class Faults:
    """Makes faults.

    Args:
        crew: the workers.
        broker: the broker, which is this run's own.
        seed: of whom a fault hits.
    """

    def __init__(self, crew: Crew, broker: Broker, seed: int) -> None:
        self._crew = crew
        self._broker = broker
        self._dice = random.Random(f"whom-{seed}")
        self._mend: Callable[[], object] | None = None
        self._mend_at = 0.0

    def make(self, fault: Fault) -> Fired | None:
        """Make a fault; None when there is nobody whom it could hit."""
        at_ms = time.time_ns() // 1_000_000
        what = self._make(fault)
        return Fired(at_ms, fault.kind, what, fault.seconds) if what else None

    def look(self) -> None:
        """Mend what is to be mended by now."""
        if self._mend is not None and time.monotonic() >= self._mend_at:
            self.heal()
        self._crew.look()

    def heal(self) -> None:
        """Mend everything at once."""
        mend, self._mend = self._mend, None
        if mend is not None:
            mend()

    @property
    def quiet(self) -> bool:
        """Whether nothing is broken just now."""
        return self._mend is None and self._crew.settled

    def _make(self, fault: Fault) -> str:
        match fault.kind:
            case "kill":
                return self._crew.kill(self._dice)
            case "restart":
                return self._crew.restart(self._dice)
            case "scale":
                return self._crew.grow(fault.seconds)
            case "broker-kill" | "broker-pause":
                return self._hit_broker(fault)
            case _:
                return self._crew.freeze(self._dice, fault.seconds)

    def _hit_broker(self, fault: Fault) -> str:
        status = self._broker.status()
        pid, port = status.pid, int((status.bootstrap or ":0").rpartition(":")[2])
        if not pid:
            return ""
        kills = fault.kind == "broker-kill"
        os.kill(pid, signal.SIGKILL if kills else signal.SIGSTOP)
        up = partial(self._broker.up, port=port)  # where the workers look for it
        self._mend = up if kills else partial(_go_on, pid)
        self._mend_at = time.monotonic() + fault.seconds
        return f"the broker, process {pid}"


def _go_on(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)
