"""`--rate`: not more than so many events in a second."""

from __future__ import annotations

_BEHIND_MOST_S = 0.1  # after a pause no burst may make up for it


class Pace:
    """Says how long to wait before the next event.

    Args:
        rate: events per second.
    """

    def __init__(self, rate: float) -> None:
        self._step_s = 1 / rate
        self._next = float("-inf")

    def wait_s(self, now: float) -> float:
        """The seconds from `now` until the next event may go; zero or less for at once."""
        return self._next - now

    def went(self, now: float) -> None:
        """One has gone."""
        self._next = max(self._next, now - _BEHIND_MOST_S) + self._step_s
