"""How often each fault is still to be made, in a run until each was made so many times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from minuet.engines.failpoints import PLACES

_FAILPOINT = "failpoint"


class Rounds:
    """Counts faults by their names; each place where a worker dies is one of its own.

    Args:
        kinds: that are made.
        times: how often each is to be; 0 for as often as there is time for.
    """

    def __init__(self, kinds: Sequence[str], times: int) -> None:
        self.times = times
        self._names = {kind: _names(kind) for kind in kinds}

    def open(self, made: Iterable[str]) -> tuple[str, ...]:
        """Return the kinds that are to be made again, all of them where nothing is counted."""
        missing = self.missing(made)
        return tuple(
            kind
            for kind, names in self._names.items()
            if not self.times or any(missing[name] for name in names)
        )

    def missing(self, made: Iterable[str]) -> Counter[str]:
        """Return by name how often each is still to be made."""
        counts = Counter(made)
        names = (name for names in self._names.values() for name in names)
        return Counter({name: max(0, self.times - counts[name]) for name in names})

    def progress(self, made: Iterable[str]) -> tuple[int, int]:
        """Return how many are made of those that are to be made, and how many these are."""
        missing = self.missing(made)
        of = self.times * len(missing)
        return of - missing.total(), of


def _names(kind: str) -> tuple[str, ...]:
    return tuple(f"{kind} {place}" for place in PLACES) if kind == _FAILPOINT else (kind,)
