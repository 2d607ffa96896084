"""Whether a process that died is started again, and when: a decision, apart from doing it."""

from __future__ import annotations

from dataclasses import dataclass, field

from minuet.children import NOT_LET_IN, NOT_LET_ON

FIRST_S = 0.5
LIVED_S = 10.0  # what lived so long is started again at once if its death is explained
MOST_S = 30.0
EXPLAINED_MOST_S = 1.0  # the breaker needs the next death to know more
DEATHS_MOST = 5
WITHIN_S = 120.0
WRONG_SETTING = 2  # the exit code of what no restart can mend


@dataclass(frozen=True, slots=True)
class GiveUp:
    """It is not started again."""

    reason: str


@dataclass(slots=True)
class Worked:
    """Whether a process was ready, and then Kafka did not let it go on.

    Processes of one supervisor share it: what Kafka let one of them do it lets the others do, and
    one that had no partition yet is not the reason to end those that had.
    """

    once: bool = False


@dataclass(slots=True)
class Restarts:
    """The deaths of one process and its successors.

    Attributes:
        recent: when each died that nothing explains, in s.
        row: deaths in a row, without a long life between them.
        worked: whether it, or another of its supervisor's, once worked.
    """

    recent: list[float] = field(default_factory=list)
    row: int = 0
    worked: Worked = field(default_factory=Worked)

    def died(self, code: int, *, lived_s: float, now: float, explained: bool) -> float | GiveUp:
        """Return the pause before it is started again, or why it is not.

        Args:
            code: its exit code, a shell's.
            lived_s: how long it lived.
            now: in s, of any steady clock.
            explained: the crash-loop breaker knows what it worked on, and so comes nearer.
        """
        if code == WRONG_SETTING:
            return GiveUp("something is set wrong, and starting it again would not mend that")
        self.row = self.row + 1 if lived_s < WITHIN_S else 1
        self.worked.once = self.worked.once or code == NOT_LET_ON
        if self.worked.once and code in (NOT_LET_IN, NOT_LET_ON):  # until somebody has mended it
            return min(FIRST_S * 2.0 ** min(self.row - 1, 10), MOST_S)
        if explained:
            if lived_s >= LIVED_S:  # starts are no load then, and its partitions wait
                return 0.0
            return min(FIRST_S * 2.0 ** (self.row - 1), EXPLAINED_MOST_S)
        self.recent = [*(at for at in self.recent if now - at < WITHIN_S), now]
        if len(self.recent) >= DEATHS_MOST:
            return GiveUp(f"it died {len(self.recent)} times within {now - self.recent[0]:.0f} s")
        return min(FIRST_S * 2.0 ** (self.row - 1), MOST_S)
