"""What a demo found, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from minuet.verify import Report


@dataclass(frozen=True)
class Outcome:
    """Orders that ended in one way.

    Args:
        name: `completed`, or the event that made them fail.
        p50_ms, p99_ms: from the begin event to the saga's end, by the times of the log.
    """

    name: str
    orders: int
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True)
class Ledger:
    """What the simulated services did, held against what the log says.

    Args:
        effects: keys in the ledger; a key has one effect, however often it is called.
        called_again: keys that were called more than once.
        missing: answers of the log without an effect; `unsaid`: effects without an answer.
    """

    effects: int
    called_again: int
    missing: int
    unsaid: int

    @property
    def ok(self) -> bool:
        """Whether each answer of the log has its effect, and each effect its answer."""
        return not self.missing and not self.unsaid


@dataclass(frozen=True)
class Result:
    """A whole demo.

    Args:
        run: prefix of its order ids.
        examples: by outcome, the id of one order.
    """

    run: str
    bootstrap: str
    orders: int
    seconds: float
    sagas_per_s: float
    outcomes: tuple[Outcome, ...]
    examples: dict[str, str]
    ledger: Ledger
    verify: Report

    @property
    def ok(self) -> bool:
        """Whether every order ended, and both checks are clean."""
        ended = sum(outcome.orders for outcome in self.outcomes)
        return ended == self.orders and self.ledger.ok and self.verify.ok

    def as_dict(self) -> dict[str, Any]:
        """As plain data."""
        found = asdict(self)
        found["verify"] = self.verify.as_dict()
        found["ledger"]["ok"] = self.ledger.ok
        return {"ok": self.ok, **found}


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the nearest-rank percentile; 0 of nothing."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
