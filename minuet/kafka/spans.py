"""A stretch of a topic, as people say it: from a moment, or from an offset, to another one."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from minuet.duration import parse_ms
from minuet.errors import UsageError
from minuet.event.record import timestamp
from minuet.kafka.connection import Connection
from minuet.kafka.offsets import watermarks
from minuet.kafka.picking import since

_OFFSETS = re.compile(r"\d+/\d+(,\d+/\d+)*")


@dataclass(frozen=True, slots=True)
class Moment:
    """A time, in ms since 1970."""

    ms: int


@dataclass(frozen=True, slots=True)
class Offsets:
    """An offset in each of these partitions; the others are left out."""

    at: Mapping[int, int]


Bound = Moment | Offsets


@dataclass(frozen=True, slots=True)
class Span:
    """What is to be read: each partition from its first offset to before its end.

    Attributes:
        most: how many records it can have; fewer where offsets have gaps.
    """

    first: Mapping[int, int]
    ends: Mapping[int, int]

    @property
    def most(self) -> int:
        """Count the offsets."""
        return sum(self.ends[number] - first for number, first in self.first.items())


def moment(text: str, option: str, now_ms: int | None = None) -> Moment | None:
    """Read what somebody typed: `2h` (so long ago), or a moment in ISO 8601, else UTC.

    Args:
        text: that was typed; nothing is None.
        option: for the message, as `--from`.
        now_ms: ms since 1970; else now.

    Raises:
        UsageError: it is none of these.
    """
    if not text:
        return None
    try:
        ago = parse_ms(text)
    except ValueError:
        pass
    else:
        return Moment((time.time_ns() // 1_000_000 if now_ms is None else now_ms) - ago)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        message = f"{option} {text}: say a length of time such as 2h, or 2026-11-24T10:00:00Z"
        raise UsageError(message) from None
    return Moment(int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000))


def bound(text: str, option: str, now_ms: int | None = None) -> Bound | None:
    """Read a `moment`, or offsets: PARTITION/OFFSET, joined by commas, as `2/1700,3/0`.

    Raises:
        UsageError: it is neither.
    """
    if not _OFFSETS.fullmatch(text):
        try:
            return moment(text, option, now_ms)
        except UsageError as error:
            message = f"{error}, or offsets as PARTITION/OFFSET: 2/1700,3/0"
            raise UsageError(message) from None
    pairs = [pair.split("/") for pair in text.split(",")]
    return Offsets({int(partition): int(offset) for partition, offset in pairs})


def refuse_backwards(name: str, begin: Bound | None, end: Bound | None) -> None:
    """Refuse two moments of which the end is not after the beginning, whatever stands there.

    Raises:
        UsageError: it is so.
    """
    if isinstance(begin, Moment) and isinstance(end, Moment) and begin.ms >= end.ms:
        told = " and ".join(timestamp(each.ms).decode() for each in (begin, end))
        message = f"{name}: the end of what is asked for is not after its beginning: {told}"
        raise UsageError(message)


def span(
    connection: Connection, topic: str, begin: Bound | None = None, end: Bound | None = None
) -> Span:
    """Return the stretch of `topic` from `begin` to before `end`, at most to its end of now.

    Where both are offsets they must name the same partitions; a partition that one of them leaves
    out is not read. A moment is the time of the records themselves.

    Raises:
        BrokerError: the broker cannot be reached.
        UsageError: there is no such topic, partition or offset, or the end comes first.
    """
    refuse_backwards(topic, begin, end)
    marks = watermarks(connection, topic)
    first = _resolve(connection, topic, begin, marks, 0)
    ends = _resolve(connection, topic, end, marks, 1)
    both = sorted(first.keys() & ends.keys())
    backwards = [number for number in both if first[number] > ends[number]]
    if backwards or not both:
        which = f"partition {backwards[0]}" if backwards else "every partition"
        message = f"{topic}: the end of what is asked for comes before its beginning in {which}"
        raise UsageError(message)
    return Span({n: first[n] for n in both}, {n: ends[n] for n in both})


def _resolve(
    connection: Connection,
    topic: str,
    asked: Bound | None,
    marks: Mapping[int, tuple[int, int]],
    side: int,
) -> dict[int, int]:
    """The offset of each partition; `side` is 0 for where it begins, 1 for where it ends."""
    match asked:
        case None:
            return {number: mark[side] for number, mark in marks.items()}
        case Moment(ms):
            found = since(connection, topic, ms)
            last = max((high for _, high in marks.values()), default=0)
            if side == 0 and last and not found and ms > time.time_ns() // 1_000_000:
                message = f"{topic}: {timestamp(ms).decode()} has not come yet"
                raise UsageError(message)
            return {number: found.get(number, high) for number, (_, high) in marks.items()}
        case Offsets(at):
            for number, offset in at.items():
                _check(topic, number, offset, marks)
            return dict(at)


def _check(topic: str, number: int, offset: int, marks: Mapping[int, tuple[int, int]]) -> None:
    if number not in marks:
        message = f"{topic} has no partition {number}: it has 0 to {max(marks)}"
        raise UsageError(message)
    low, high = marks[number]
    if not low <= offset <= high:
        message = f"{topic}: partition {number} has offsets {low} to {high}, and not {offset}"
        raise UsageError(message)
