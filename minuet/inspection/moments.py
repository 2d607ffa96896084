"""A saga as it was at a moment, at a place of the log, or just after one of its events."""

from __future__ import annotations

from itertools import takewhile

from minuet.core.plan import Plan
from minuet.errors import MinuetError, UsageError
from minuet.event.record import timestamp
from minuet.inspection.history import History, fold
from minuet.kafka.spans import Moment, Offsets, bound


def at(plan: Plan, history: History, text: str) -> tuple[History, int]:
    """Return a saga's history up to what was typed, and the time of that in ms since 1970.

    Args:
        plan: the compiled workflow.
        history: all of it.
        text: an event's id (up to it), PARTITION/OFFSET (up to the record there), or a moment:
            in ISO 8601, or how long ago.

    Raises:
        MinuetError: the saga had not begun then.
        UsageError: that is none of these, or of another partition.
    """
    records = history.records
    found = next((n for n, record in enumerate(records) if record.id == text), None)
    if found is not None:
        return _first(plan, history, found + 1), records[found].time
    try:
        limit = bound(text, "--at")
    except UsageError as wrong:
        message = f"{wrong}, or the id of one of {history.saga}'s events"
        raise UsageError(message) from None
    match limit:
        case Moment(ms):
            many, time = len(list(takewhile(lambda record: record.time <= ms, records))), ms
        case Offsets(places):
            offset = _offset(history, dict(places), text)
            many = sum(record.offset <= offset for record in records)
            time = records[many - 1].time if many else 0
        case None:
            message = "--at is empty: say a moment, PARTITION/OFFSET or the id of an event"
            raise UsageError(message)
    if not many:
        one = records[0]
        where = f"{history.partition}/{one.offset}, {timestamp(one.time).decode()}"
        message = f"{history.saga} had not begun at {text}: its first event is at {where}"
        raise MinuetError(message)
    return _first(plan, history, many), time


def _offset(history: History, places: dict[int, int], text: str) -> int:
    if set(places) != {history.partition}:
        message = f"--at {text}: {history.saga} is in partition {history.partition}, and only there"
        raise UsageError(message)
    return places[history.partition]


def _first(plan: Plan, history: History, many: int) -> History:
    records = history.records[:many]
    after = records[-1].offset + 1
    return History(history.saga, history.partition, records, *fold(plan, records), after)
