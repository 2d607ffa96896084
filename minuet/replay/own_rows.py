"""A stretch of a log held against the rows of its sagas: which are not what the log says."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from time import time_ns

from minuet.core.plan import Plan
from minuet.kafka.kept import Kept
from minuet.replay.foresight import Due, Foresight, is_readable
from minuet.replay.outlook import Choice
from minuet.verify import Report


@dataclass(frozen=True)
class Differing:
    """Rows that are not the fold of the log.

    Args:
        sagas: ids of the sagas meant whose rows differ.
        complete: whether these are all; a report names a thousand.
    """

    sagas: tuple[str, ...]
    complete: bool


def differing(report: Report) -> Differing:
    """Return the sagas whose rows differ, of a report on those that are meant."""
    named = dict.fromkeys(each.saga for each in report.differences)
    return Differing((*named,), report.differing <= len(report.differences))


def to_renew(found: Differing, choice: Choice) -> tuple[str, ...] | None:
    """Return the sagas whose rows are made anew: those that differ, or all that are meant if not
    each of those is named; None for every one.
    """
    if found.complete:
        return found.sagas
    return None if choice.all else (*choice.names(),)


def due_in(plan: Plan, records: Iterator[Kept], sagas: Collection[str] | None) -> Due:
    """Return what is due in these sagas, None for all, as the log has them now."""
    seen = Foresight(plan, time_ns() // 1_000_000, {})
    keys = None if sagas is None else {saga.encode() for saga in sagas}
    for record in records:
        if (keys is None or record.key in keys) and is_readable(record):
            seen.stands(record, touched=True)
    return seen.due()
