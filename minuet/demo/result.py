"""What a demo found, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from minuet.demo.troubles import Trouble
from minuet.verify import Report
from minuet.verify.effects import Effects


@dataclass(frozen=True)
class Outcome:
    """Sagas that ended in one way.

    Args:
        name: `completed`, or the event that made them fail.
        p50_ms, p99_ms: from the begin event to the saga's end, by the times of the log.
    """

    name: str
    sagas: int
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True)
class StepTime:
    """Where time went.

    Args:
        answers: of the step; `retries`: how often the log says that it waits to be tried again.
        p50_ms, p99_ms: from the youngest event that it needed to its answer, by the times of the
            log: the wait for a place, each try, and the waits between them.
        total_s: of all its answers.
    """

    name: str
    answers: int
    retries: int
    p50_ms: float
    p99_ms: float
    total_s: float


@dataclass(frozen=True)
class Ended:
    """How the sagas of one workflow went, and what was held against its log.

    Args:
        sagas: that began.
        outcomes: how they ended.
        examples: by outcome, the id of one saga.
        ledger: of the shop, held against the log.
        verify: the table, held against the log.
    """

    sagas: int
    outcomes: tuple[Outcome, ...]
    steps: tuple[StepTime, ...]
    examples: dict[str, str]
    ledger: Effects
    verify: Report

    @property
    def ok(self) -> bool:
        """Whether every saga ended, and both checks are clean."""
        ended = sum(outcome.sagas for outcome in self.outcomes)
        return ended == self.sagas and self.ledger.ok and self.verify.ok

    def as_dict(self) -> dict[str, Any]:
        """As plain data."""
        more = {"verify": self.verify.as_dict(), "ledger": self.ledger.as_dict()}
        return {"ok": self.ok, **asdict(self), **more}


@dataclass(frozen=True)
class Recovery:
    """What a killed worker cost.

    Args:
        silence_s: from the kill to the first answer in the last of its partitions.
        in_flight: orders that were under way in all partitions when it was killed.
    """

    silence_s: float
    in_flight: int


@dataclass(frozen=True)
class Result:
    """A whole demo.

    Args:
        run: prefix of its order ids.
        seed: of the moments at which something went wrong.
        orders: that were published.
        troubles: what went wrong, in words.
        recovery: of the killed worker; None when none was killed.
        rotten: records that nobody can read; `letters`: of these, kept as dead letters.
    """

    run: str
    bootstrap: str
    seed: int
    orders: int
    seconds: float
    sagas_per_s: float
    troubles: tuple[Trouble, ...]
    recovery: Recovery | None
    rotten: int
    letters: int
    workflows: dict[str, Ended]

    @property
    def ok(self) -> bool:
        """Whether every order ended, nothing rotten was lost, and all checks are clean."""
        all_there = self.workflows["orders"].sagas == self.orders and self.letters == self.rotten
        return all_there and all(ended.ok for ended in self.workflows.values())

    def as_dict(self) -> dict[str, Any]:
        """As plain data."""
        ended = {name: one.as_dict() for name, one in self.workflows.items()}
        return {"ok": self.ok, **asdict(self), "workflows": ended}


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the nearest-rank percentile; 0 of nothing."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
