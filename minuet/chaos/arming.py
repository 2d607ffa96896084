"""Arms the places where workers die by themselves, and sees when one did."""

from __future__ import annotations

import random
from pathlib import Path
from typing import NamedTuple

from minuet.engines.failpoints import PLACES


class Death(NamedTuple):
    """A process died at a place, `at_ms` since 1970."""

    place: str
    pid: int
    at_ms: int


class Arming:
    """Arms one place at a time; each comes before any comes again.

    Args:
        folder: that the workers look into; what is left there is of an earlier run.
        dice: which place is next.
    """

    def __init__(self, folder: Path, dice: random.Random) -> None:
        self.folder = folder
        self._dice = dice
        self._next: list[str] = []
        self._armed = ""
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.iterdir():
            left.unlink()

    def arm(self) -> str:
        """Arm the next place and return it, or the last one once more if nobody came to it."""
        if self._armed and (self.folder / self._armed).exists():
            return self._armed
        if not self._next:
            self._next = self._dice.sample(list(PLACES), len(PLACES))
        self._armed = self._next.pop()
        (self.folder / self._armed).touch()
        return self._armed

    def disarm(self) -> None:
        """Let nobody die by himself any more."""
        if self._armed:
            (self.folder / self._armed).unlink(missing_ok=True)
        self._armed = ""

    def deaths(self) -> list[Death]:
        """Return who died since the last look."""
        found = []
        for file in self.folder.glob("*.*"):
            place, _, pid = file.name.partition(".")
            found.append(Death(place, int(pid), file.stat().st_ctime_ns // 1_000_000))
            file.unlink()
        return found
