"""What a comparison found: counts of what happened, and each difference field by field."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

SHOWN_MOST = 1_000  # differences kept with their fields; all are counted


@dataclass(frozen=True)
class FieldDifference:
    """One field of a row: what is stored, and what the fold of the log says."""

    field: str
    stored: str
    folded: str


@dataclass(frozen=True)
class Difference:
    """One way in which the table is not the fold of the log.

    Args:
        kind: `row` (another content), `missing` (no row, though committed past), `behind` (an
            older row, though committed past), `no-record` (of a place where the log has none of
            this saga), `unreadable` (no row at all).
        saga: its id.
        partition: of log and table.
        log_offset: of the record that the row says it was written after.
        text: in a sentence.
        fields: for `row`.
    """

    kind: str
    saga: str
    partition: int
    log_offset: int
    text: str
    fields: tuple[FieldDifference, ...] = ()

    def __str__(self) -> str:
        return f"saga {self.saga}, partition {self.partition}: {self.text}"


@dataclass
class Report:
    """The result.

    Args:
        workflow: its name.

    Attributes:
        events: records of the log; `unreadable`: of these, without key or headers.
        rows: compared, of those stored; `cut`: rows of sagas whose beginning the log has lost.
        uncommitted: events past the committed position, whose rows are not due yet.
        misplaced: sagas in another partition than murmur2 says: some producer has another
            partitioner.
        miskeyed: events from outside whose key is not what their own field says; `miskeyed_first`:
            one of them, in words.
    """

    workflow: str
    partitions: int = 0
    events: int = 0
    unreadable: int = 0
    sagas: int = 0
    completed: int = 0
    compensated: int = 0
    running: int = 0
    failing: int = 0
    early: int = 0
    incidents: int = 0
    duplicates: int = 0
    conflicts: int = 0
    nondeterministic: int = 0
    strays: int = 0
    illegal: int = 0
    rows: int = 0
    cut: int = 0
    uncommitted: int = 0
    misplaced: int = 0
    miskeyed: int = 0
    miskeyed_first: str = ""
    differing: int = 0
    differences: list[Difference] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether the table is the fold of the log."""
        return self.differing == 0

    @property
    def live(self) -> int:
        """Sagas that have begun and not ended."""
        return self.running + self.failing

    def differs(self, difference: Difference) -> None:
        """Note a difference."""
        self.differing += 1
        if len(self.differences) < SHOWN_MOST:
            self.differences.append(difference)

    def add(self, other: Report) -> None:
        """Take in the report of another part of the workflow."""
        for name, value in vars(other).items():
            if isinstance(value, int):
                setattr(self, name, getattr(self, name) + value)
        self.miskeyed_first = self.miskeyed_first or other.miskeyed_first
        self.differences += other.differences[: SHOWN_MOST - len(self.differences)]

    def as_dict(self) -> dict[str, Any]:
        """As plain data, `ok` and `live` with it."""
        found = asdict(self)
        differences = found.pop("differences")
        return {"ok": self.ok, **found, "live": self.live, "differences": differences}
