"""A circuit breaker: after some failures in a row nothing is tried for a while, then one probe.

Closed: all runs are let through. Open: none. Half-open: one, and how it ends decides. It reads no
clock and starts no timer: who uses it says what time it is, so that virtual time will do.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from minuet.core.settle import Failure
from minuet.engines.partition import Run
from minuet.engines.verdict import Ended
from minuet.event.model import Event
from minuet.spec.model import BreakerSpec


class Circuit(StrEnum):
    """Where a breaker stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(eq=False)
class Breaker:
    """One breaker, which steps share by its name.

    Args:
        spec: when it opens, and for how long.
        most: runs that it lets through at once, so that a service which hangs leaves places to
            the steps of others.
        since: when it last changed, ms since 1970.

    Attributes:
        failures: in a row, while it is closed.
        error: the last failure.
        running: runs that were let through and have not ended.
        probe: the one run that a half-open breaker let through.
    """

    spec: BreakerSpec
    most: int
    since: int
    circuit: Circuit = Circuit.CLOSED
    failures: int = 0
    error: str = ""
    running: set[Run] = field(default_factory=set)
    probe: Run | None = None

    @property
    def has_room(self) -> bool:
        """Whether it would let another run through now."""
        if self.circuit is Circuit.HALF_OPEN:
            return self.probe is None
        return self.circuit is Circuit.CLOSED and len(self.running) < self.most

    def left_ms(self, now: int) -> int:
        """Return for how long it stays open."""
        is_open = self.circuit is Circuit.OPEN
        return max(0, self.since + self.spec.open_ms - now) if is_open else 0

    def let_through(self, run: Run) -> None:
        """Take a run in; there must be room, but for a run that is tried again."""
        self.running.add(run)
        if self.circuit is Circuit.HALF_OPEN:
            self.probe = run

    def is_stopped(self, run: Run) -> bool:
        """Whether a run that was let through must not start any more."""
        return self.circuit is not Circuit.CLOSED and self.probe is not run

    def dropped(self, run: Run) -> None:
        """Note that a run was not started."""
        self.running.discard(run)
        if self.probe is run:
            self.probe = None

    def ended(self, run: Run, ended: Ended, now: int) -> bool:
        """Note how a run ended; return whether the breaker changed.

        Failures of category `retry` count against the service. An answer, or one that says never
        again, shows that the service is there; a bug of the step shows nothing.
        """
        was_probe = self.probe is run
        self.dropped(run)
        category = ended.category if isinstance(ended, Failure) else ""
        fails = category == "retry"
        shows = isinstance(ended, Event) or category in ("reject", "poison")
        if fails and isinstance(ended, Failure):
            self.error = ended.error
        if self.circuit is Circuit.CLOSED:
            self.failures = self.failures + 1 if fails else 0 if shows else self.failures
            return self.failures >= self.spec.failures and self._change(Circuit.OPEN, now)
        if was_probe and fails:
            return self._change(Circuit.OPEN, now)
        if was_probe and shows:
            self.failures = 0
            return self._change(Circuit.CLOSED, now)
        return False

    def half_open(self, now: int) -> None:
        """Let one run through: it has been open for long enough."""
        self._change(Circuit.HALF_OPEN, now)

    def _change(self, to: Circuit, now: int) -> bool:
        self.circuit, self.since, self.probe = to, now, None
        return True
