"""The plan of a replay into a log: which sagas, what would be appended, and what then is due."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from time import time_ns
from typing import Any

from minuet.core.plan import Plan
from minuet.kafka.kept import Kept
from minuet.replay.foresight import Due, Foresight, is_readable, rejected_id
from minuet.replay.into_log import Known
from minuet.replay.marks import Keys
from minuet.replay.selection import Selection
from minuet.replay.sources import LogSource, Source
from minuet.replay.stopping import Stopping
from minuet.replay.survey import Survey

_PROGRESS_EVERY = 2_000

Progress = Callable[[int, int], None]


class Choice:
    """The sagas that are replayed.

    Args:
        keys: of these; None for all.
        untold: records of which the condition could not be told: they chose none.
    """

    def __init__(self, keys: Collection[bytes] | None, untold: int = 0) -> None:
        self._keys = keys
        self.untold = untold

    @property
    def all(self) -> bool:
        """Whether every saga is."""
        return self._keys is None

    def has(self, key: bytes) -> bool:
        """Whether a saga is."""
        return self._keys is None or key in self._keys

    def has_saga(self, saga: str) -> bool:
        """Whether a saga is, by its id."""
        return self.has(saga.encode())

    def names(self) -> list[str]:
        """The ids of the sagas, if not every one is."""
        return sorted(key.decode(errors="replace") for key in self._keys or ())

    def of(self, records: Iterator[Kept]) -> Iterator[Kept]:
        """Return the records of these sagas."""
        keys = self._keys
        return records if keys is None else (each for each in records if each.key in keys)


@dataclass
class Outlook:
    """What would come of it.

    Attributes:
        new: the records that would be appended.
        on_log: what the log has of these sagas.
        known, unreadable: records of the source that would not be appended: they stand there, or
            they can change no saga.
    """

    new: Survey = field(default_factory=Survey)
    on_log: Known = field(default_factory=Known)
    known: int = 0
    unreadable: int = 0
    due: Due = field(default_factory=Due)

    def as_dict(self) -> dict[str, Any]:
        """As plain data."""
        counts = {"known": self.known, "unreadable": self.unreadable}
        return {**self.new.as_dict(), **counts, **self.due.as_dict()}


def choose(
    source: Source, selection: Selection, limit: int, stopping: Stopping, progress: Progress
) -> tuple[Survey, Choice]:
    """Return the sagas that have a record that is meant, and a count of what was found.

    Args:
        source: the stretch that was asked for.
        selection: which records are meant.
        limit: the most sagas; 0 for no limit.
        stopping: ends it.
        progress: told how many records are read, and how many there are.
    """
    found, keys = Survey(selection.sagas), Keys()
    for number, record in enumerate(stopping.until(source.records())):
        if number % _PROGRESS_EVERY == 0:
            progress(number, source.most)
        if record.key and selection.takes(record):
            if limit and len(keys) == limit and record.key not in keys:
                continue
            keys.add(record.key)
            found.add(record)
    return found, Choice(keys, selection.untold)


def outlook(
    plan: Plan,
    source: Source,
    log: LogSource | None,
    how: tuple[Choice, Stopping],
    progress: Progress,
) -> Outlook:
    """Fold what the log has, then what the source would add.

    Args:
        plan: the compiled workflow.
        source: all of it that may be replayed.
        log: what stands on the log; None for one that is not there yet.
        how: which sagas; what ends it.
        progress: told how many records are read, and how many there are.
    """
    choice, stopping = how
    found = Outlook()
    seen = Foresight(plan, time_ns() // 1_000_000, log.span.ends if log else {})
    standing = log.records() if log else iter(())
    for number, record in enumerate(stopping.until(choice.of(standing))):
        if number % _PROGRESS_EVERY == 0:
            progress(number, log.most if log else 0)
        if is_readable(record):
            found.on_log.is_new(record)
            seen.stands(record)
    then = found.on_log.copy()
    for number, record in enumerate(stopping.until(choice.of(source.records()))):
        if number % _PROGRESS_EVERY == 0:
            progress(number, source.most)
        if not is_readable(record):
            found.unreadable += 1
        elif not then.is_new(record):
            found.known += 1
        else:
            found.new.add(record)
            seen.comes(record)
            if rejected := rejected_id(record):
                found.on_log.watched.add(rejected)
    found.due = seen.due()
    return found


def find_places(found: Outlook, log: LogSource | None) -> None:
    """Look up where the records stand that others, about to be appended, say cannot be read."""
    if not found.on_log.watched or log is None:
        return
    for record in log.records():
        found.on_log.saw(record)
