"""The time of the log, which decides: the broker's, of which a worker sees only records."""

from __future__ import annotations

from collections.abc import Callable


class LogTime:
    """A worker's clock, less what it is known to be ahead of the broker's.

    A record is read after it was written: nothing says more of a clock that is ahead, and a
    deadline event that came too early is what shows it.

    Args:
        clock: ms since 1970.

    Attributes:
        ahead_ms: how far it is ahead at most.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self.ahead_ms = 0

    def __call__(self) -> int:
        """Return it, in ms since 1970."""
        return self._clock() - self.ahead_ms

    def too_early(self, written_ms: int) -> None:
        """Learn from a deadline event of an own clock that it is ahead."""
        self.ahead_ms = max(self.ahead_ms, self._clock() - written_ms)

    def read(self, written_ms: int) -> None:
        """Learn from any record how far it can be ahead at most, as when it was set right."""
        if self.ahead_ms:
            self.ahead_ms = max(0, min(self.ahead_ms, self._clock() - written_ms))
