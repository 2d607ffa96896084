"""What the sagas of a what-if come to in all, and whether that is too much."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from minuet.errors import UsageError
from minuet.rehearsal.comparison import KINDS

KEPT_MOST = 1_000  # sagas of which all is kept
NAMED_MOST = 100_000  # sagas whose ids are kept
_LIMIT = re.compile(r"\s*(\w+)\s*>\s*(\d+(?:\.\d+)?)\s*(%?)\s*")
MEASURES = ("different", "unknown", *KINDS)


@dataclass
class Report:
    """The sum.

    Attributes:
        sagas: compared; `left_out`: began before what was read; `records`: read.
        untold: of how many sagas it cannot be told whether they are wanted, and why.
        kinds: how many sagas differ most gravely in what.
        ends: (recorded outcome, outcome under the candidate) -> sagas.
        unknown: sagas of which something is not known; `unknown_steps`: by step.
        changes: (event, field) -> how often it would hold something else.
        gone, new: event types -> how often they would not have been said, and said beside.
        simulated: steps that ran on simulated resources -> in how many sagas.
        different: ids of the sagas that differ; `kept`: the first of them and of the unknown.
    """

    sagas: int = 0
    left_out: int = 0
    records: int = 0
    untold: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    ends: Counter[tuple[str, str]] = field(default_factory=Counter)
    unknown: int = 0
    unknown_steps: Counter[str] = field(default_factory=Counter)
    changes: Counter[tuple[str, str]] = field(default_factory=Counter)
    gone: Counter[str] = field(default_factory=Counter)
    new: Counter[str] = field(default_factory=Counter)
    simulated: Counter[str] = field(default_factory=Counter)
    different: list[str] = field(default_factory=list)
    kept: list[dict[str, Any]] = field(default_factory=list)

    @property
    def differing(self) -> int:
        """How many sagas would have been different in something."""
        return sum(self.kinds.values())

    def add(self, saga: dict[str, Any] | None) -> None:
        """Count a saga, in the form of `Compared.plain`."""
        if saga is None:
            self.left_out += 1
            return
        self.sagas += 1
        self.ends[saga["before"], saga["after"]] += 1
        self.simulated.update(saga["simulated"])
        if saga["unknown"]:
            self.unknown += 1
            self.unknown_steps.update(saga["unknown"].keys())
        if saga["kind"]:
            self.kinds[saga["kind"]] += 1
            self.gone.update(saga["gone"])
            self.new.update(saga["new"])
            self.changes.update((one["event"], one["field"]) for one in saga["changes"])
            if len(self.different) < NAMED_MOST:
                self.different.append(saga["saga"])
        if (saga["kind"] or saga["unknown"]) and len(self.kept) < KEPT_MOST:
            self.kept.append(saga)

    def share(self, measure: str) -> tuple[int, float]:
        """How many sagas a measure counts, and what part of all they are."""
        counts = {"different": self.differing, "unknown": self.unknown, **self.kinds}
        count = counts.get(measure, 0)
        return count, count / self.sagas if self.sagas else 0.0

    def plain(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "sagas": self.sagas,
            "records": self.records,
            "began_before": self.left_out,
            "untold": dict(self.untold.most_common()),
            "different": self.differing,
            "kinds": {kind: self.kinds[kind] for kind in KINDS},
            "unknown": self.unknown,
            "unknown_steps": dict(self.unknown_steps.most_common()),
            "ends": [
                {"before": before, "after": after, "sagas": count}
                for (before, after), count in self.ends.most_common()
            ],
            "changes": [
                {"event": event, "field": name, "sagas": count}
                for (event, name), count in self.changes.most_common()
            ],
            "gone": dict(self.gone.most_common()),
            "new": dict(self.new.most_common()),
            "simulated": dict(self.simulated.most_common()),
            "different_sagas": self.different,
            "told": self.kept,
        }


@dataclass(frozen=True, slots=True)
class Limit:
    """So many sagas, or such a part of them, are too much."""

    text: str
    measure: str
    most: float
    is_part: bool

    def is_over(self, report: Report) -> bool:
        """Whether there are more."""
        count, part = report.share(self.measure)
        return part * 100 > self.most if self.is_part else count > self.most


def over(limits: Iterable[Limit], report: Report) -> list[str]:
    """What is too much, in words: of no sagas nothing can be said, and that is no good news."""
    asked = list(limits)
    if asked and not report.sagas:
        return ["no saga was compared, so that nothing is known"]
    return [one.text for one in asked if one.is_over(report)]


def limit(text: str) -> Limit:
    """Read what somebody typed: `different>0.1%`, or `outcome>0`.

    Raises:
        UsageError: it is no such condition.
    """
    found = _LIMIT.fullmatch(text)
    if found is None or found[1] not in MEASURES:
        names = ", ".join(MEASURES)
        message = f"--fail-on {text}: say one of {names}, then > and a number or a part, as "
        raise UsageError(message + "different>0.1%")
    return Limit(text, found[1], float(found[2]), bool(found[3]))
