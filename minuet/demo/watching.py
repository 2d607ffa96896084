"""Watches the log of a run: which sagas began, how they ended, and how long steps took."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from minuet.core.plan import ENDS
from minuet.demo.result import Outcome, StepTime, percentile
from minuet.event.record import STEP, Record
from minuet.spec.model import Spec

COMPLETED = "completed"
_RETRYING = "StepRetrying"
_ON_ITS_WAY_MS = 250


class Watch:
    """Takes in the records of one run of one workflow.

    Args:
        spec: of the workflow.
        run: prefix of the run's saga ids.
    """

    def __init__(self, spec: Spec, run: str) -> None:
        self.spec = spec
        self.examples: dict[str, str] = {}
        self.counts: Counter[str] = Counter()  # records, by type
        self.retries: Counter[str] = Counter()  # by step
        self._prefix = f"{run}-"
        self._times: dict[str, int] = {}  # id of a record -> when
        self._took: dict[str, list[float]] = {step.name: [] for step in spec.steps}
        self._answered: dict[int, list[int]] = {}  # when steps of each partition answered
        self._begun: dict[str, int] = {}
        self._failed: dict[str, str] = {}
        self._ended: dict[str, tuple[str, int]] = {}

    def take(self, record: Record, partition: int = 0) -> None:
        """Take in a record of the log, in its order."""
        if not record.key.startswith(self._prefix) or record.id in self._times:
            return
        key = record.key
        self.counts[record.type] += 1
        self._times[record.id] = record.time
        if record.type == _RETRYING:
            self.retries[record.text(STEP)] += 1
        elif record.slot:
            self._answered.setdefault(partition, []).append(record.time)
            self._step(record)
        if record.type == self.spec.begins:
            self._begun.setdefault(key, record.time)
        elif record.type in self.spec.fails:
            self._failed.setdefault(key, record.type)
        elif record.type in ENDS:
            name = COMPLETED if record.type == ENDS[0] else self._failed.get(key, "cancelled")
            self._ended.setdefault(key, (name, record.time))
            self.examples.setdefault(name, key)

    def _step(self, record: Record) -> None:
        """Note how long a step took: from the youngest of what it needed to its answer."""
        causes = [self._times[cause] for cause in record.causes if cause in self._times]
        took = self._took.get(record.text(STEP))
        if causes and took is not None:
            took.append(float(record.time - max(causes)))

    @property
    def begun(self) -> int:
        """How many sagas stand on the log."""
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
        """From the first begin to the last end, by the times of the log."""
        if not self._ended:
            return 0.0
        last = max(time for _, time in self._ended.values())
        return (last - min(self._begun.values())) / 1000

    def silence_ms(self, partitions: set[int], at_ms: int) -> int:
        """The longest that one of these partitions had no answer, around a moment.

        Answers that were on their way at that moment may stand in the log just after it.
        """
        longest = 0
        for number in partitions:
            times = self._answered.get(number, [])
            for before, after in pairwise(times):
                if before <= at_ms + _ON_ITS_WAY_MS and after > at_ms:
                    longest = max(longest, after - max(before, at_ms))
        return longest

    def in_flight(self, at_ms: int) -> int:
        """How many sagas had begun and not ended at a moment."""
        return sum(
            began < at_ms <= self._ended.get(key, ("", at_ms))[1]
            for key, began in self._begun.items()
        )

    def steps(self) -> tuple[StepTime, ...]:
        """Where time went, by step."""
        return tuple(
            StepTime(
                name, len(took), self.retries[name], percentile(took, 50), percentile(took, 99),
                round(sum(took) / 1000, 1),
            )
            for name, took in self._took.items()
        )  # fmt: skip

    def outcomes(self) -> tuple[Outcome, ...]:
        """How the sagas ended: the good ones first, then the most frequent failures."""
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
