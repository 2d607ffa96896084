"""Dead letters to look at, each with what could become of it."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from minuet.inspection.letters import Letter, Wanted
from minuet.redrive.choosing import Desk, look
from minuet.redrive.judge import Left

_FATES = {
    "resume": "its step can run again",
    "answer": "its value can be read now",
    "publish": "it can be appended again",
}


@dataclass(frozen=True)
class Listed:
    """The youngest letters that are wanted, each with its fate in words.

    Args:
        counts: of all that are wanted, by category and step.
        hidden: how many more there are, about which nothing is to be done any more.
    """

    letters: list[tuple[Letter, str]]
    counts: Counter[tuple[str, str]]
    hidden: int

    @property
    def total(self) -> int:
        """How many are wanted, in all."""
        return sum(self.counts.values())


def listed(
    desk: Desk, wanted: Wanted, progress: Callable[[int, int], None], *, every: bool
) -> Listed:
    """Look at the letters that are wanted; with `every` also at those that are settled.

    Raises:
        BrokerError: Kafka cannot be reached.
        UsageError: a topic is missing.
    """
    counts: Counter[tuple[str, str]] = Counter()
    hidden = 0

    def shown() -> Iterator[tuple[Letter, str]]:
        nonlocal hidden
        for judged in look(desk, wanted, progress)[1]:
            letter = judged.letter
            if isinstance(judged, Left) and judged.settled and not every:
                hidden += 1
                continue
            counts[letter.category, letter.step] += 1
            yield letter, judged.why if isinstance(judged, Left) else _FATES[judged.act]

    youngest = heapq.nlargest(wanted.limit, shown(), key=lambda pair: pair[0].at_ms)
    return Listed(youngest, counts, hidden)
