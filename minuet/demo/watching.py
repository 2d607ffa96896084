"""Follows the log of a run: which orders have begun and ended, how, and after how long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from minuet.core.plan import ENDS
from minuet.demo.result import Outcome, percentile
from minuet.event.record import Record
from minuet.spec.model import Spec

COMPLETED = "completed"

# What each answer is in the ledger of the simulated services (`ORDERS_LEDGER`).
EFFECTS = {
    "StockReserved": "reserve",
    "StockReleased": "release",
    "PaymentCharged": "charge",
    "PaymentRefunded": "refund",
    "ShipmentBooked": "book",
}


class Watch:
    """Takes in the records of one run.

    Args:
        spec: of the workflow.
        run: prefix of the run's order ids.
    """

    def __init__(self, spec: Spec, run: str) -> None:
        self.effects: set[tuple[str, str]] = set()  # (key, effect)
        self.examples: dict[str, str] = {}
        self.topic = spec.log_topic
        self._spec = spec
        self._prefix = f"{run}-"
        self._begun: dict[str, int] = {}
        self._failed: dict[str, str] = {}
        self._ended: dict[str, tuple[str, int]] = {}

    def take(self, records: Iterable[Record]) -> None:
        """Take in records of the log, in its order."""
        for record in records:
            if record.key.startswith(self._prefix):
                self._take(record)

    def _take(self, record: Record) -> None:
        key = record.key
        if record.type == self._spec.begins:
            self._begun.setdefault(key, record.time)
        elif record.type in self._spec.fails:
            self._failed.setdefault(key, record.type)
        elif record.type in ENDS:
            name = COMPLETED if record.type == ENDS[0] else self._failed.get(key, "cancelled")
            self._ended.setdefault(key, (name, record.time))
            self.examples.setdefault(name, key)
        elif record.type in EFFECTS and record.slot:
            self.effects.add((record.slot, EFFECTS[record.type]))

    @property
    def begun(self) -> int:
        """How many orders stand on the log."""
        return len(self._begun)

    @property
    def ended(self) -> int:
        """How many have ended."""
        return len(self._ended)

    @property
    def completed(self) -> int:
        """How many have ended well."""
        return sum(name == COMPLETED for name, _ in self._ended.values())

    @property
    def seconds(self) -> float:
        """From the first order to the last end, by the times of the log."""
        if not self._ended:
            return 0.0
        last = max(time for _, time in self._ended.values())
        return (last - min(self._begun.values())) / 1000

    def outcomes(self) -> tuple[Outcome, ...]:
        """How the orders ended: the good ones first, then the most frequent failures."""
        counts = Counter(name for name, _ in self._ended.values())
        names = sorted(counts, key=lambda name: (name != COMPLETED, -counts[name], name))
        return tuple(self._outcome(name) for name in names)

    def _outcome(self, name: str) -> Outcome:
        took = [
            float(time - self._begun.get(key, time))
            for key, (how, time) in self._ended.items()
            if how == name
        ]
        return Outcome(name, len(took), percentile(took, 50), percentile(took, 99))
