"""Dead letters: what could not be handled, with its own bytes and the reason beside them.

A letter is the original record with headers `minuet_...` added. The same failure makes the same
letter, so one that was written twice is shown once.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from minuet.errors import MinuetError
from minuet.event.record import ID, SCHEMA, TYPE, timestamp
from minuet.kafka.connection import Connection
from minuet.kafka.offsets import watermarks
from minuet.kafka.picking import since
from minuet.kafka.raw import Raw, raw_at, raw_snapshot
from minuet.spec.model import Spec

OURS = "minuet_"
_PROGRESS_EVERY = 2_000

Progress = Callable[[int, int], None]  # how many records are read, and of how many


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter.

    Args:
        id: the same failure has the same; empty when somebody else wrote the record.
        partition, offset, at: where it stands in the topic of dead letters, and since when.
        saga: its key, as text.
        type, event: the original's event type and id.
        attempt: at which the step gave up.
        source: `topic/partition/offset` of the original; `source_at`: its time.
        left_out: what of the original it does not hold, joined by commas; empty for nothing.
        size: of the value, in bytes.
    """

    id: str
    partition: int
    offset: int
    at: str
    saga: str
    category: str
    error: str
    step: str
    slot: str
    attempt: int
    type: str
    event: str
    source: str
    source_at: str
    left_out: str
    size: int
    key: bytes = field(repr=False)
    value: bytes = field(repr=False)
    headers: tuple[tuple[str, bytes], ...] = field(repr=False)

    @property
    def schema(self) -> bytes:
        """The header that names the writer's schema."""
        return dict(self.headers).get(SCHEMA, b"")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters one wants to see; an empty word is any.

    Args:
        after_ms: not before this time, ms since 1970; 0 for all.
    """

    step: str = ""
    category: str = ""
    saga: str = ""
    after_ms: int = 0
    limit: int = 20


@dataclass(frozen=True)
class Found:
    """The youngest letters that are wanted, and how many of all there are by category and step."""

    letters: list[Letter]
    counts: Mapping[tuple[str, str], int]

    @property
    def total(self) -> int:
        """How many are wanted, in all."""
        return sum(self.counts.values())


def letters(connection: Connection, spec: Spec, wanted: Wanted, progress: Progress) -> Found:
    """Return the dead letters of a workflow that are wanted.

    Raises:
        BrokerError: Kafka cannot be reached.
        UsageError: there is no such topic.
    """
    counts: dict[tuple[str, str], int] = {}

    def wanted_ones() -> Iterator[Letter]:
        for letter in _each(connection, spec, wanted.after_ms, progress):
            if _is_wanted(letter, wanted):
                what = letter.category, letter.step
                counts[what] = counts.get(what, 0) + 1
                yield letter

    youngest = heapq.nlargest(wanted.limit, wanted_ones(), key=lambda letter: letter.at)
    return Found(youngest, counts)


def _each(
    connection: Connection, spec: Spec, after_ms: int, progress: Progress
) -> Iterator[Letter]:
    """Each letter once, one after the other: there may be more than the memory holds."""
    topic = spec.dead_letter_topic
    ends = watermarks(connection, topic)
    start = {number: low for number, (low, _) in ends.items()}
    if after_ms:
        start = since(connection, topic, after_ms)
    total = sum(ends[number][1] - first for number, first in start.items())
    known: set[str] = set()
    for number, raw in enumerate(raw_snapshot(connection, topic, start)):
        if number % _PROGRESS_EVERY == 0:
            progress(number, total)
        letter = letter_of(raw)
        if letter.id not in known and raw.time >= after_ms:
            known.update([letter.id] if letter.id else [])
            yield letter
    progress(total, total)


def _is_wanted(letter: Letter, wanted: Wanted) -> bool:
    return (
        wanted.step in ("", letter.step)
        and wanted.category in ("", letter.category)
        and wanted.saga in ("", letter.saga)
    )


def find(connection: Connection, spec: Spec, name: str, progress: Progress) -> Letter:
    """Return one dead letter.

    Args:
        connection: where Kafka is.
        spec: of the workflow.
        name: `partition/offset`, or an id: the letter's, or the beginning of it.
        progress: told how much is read.

    Raises:
        MinuetError: there is none, or an id begins more than one.
    """
    topic = spec.dead_letter_topic
    partition, slash, offset = name.partition("/")
    if slash and partition.isdecimal() and offset.isdecimal():
        raw = raw_at(connection, topic, int(partition), int(offset))
        if raw is None:
            message = f"{topic} has no record at {name}"
            raise MinuetError(message)
        return letter_of(raw)
    every = _each(connection, spec, 0, progress)
    found = list(islice((each for each in every if each.id.startswith(name)), 2))
    if len(found) != 1:
        many = "more than one dead letter" if found else "no dead letter"
        message = f"{topic} has {many} with an id that begins with {name!r}"
        raise MinuetError(message)
    return found[0]


def letter_of(raw: Raw) -> Letter:
    """Return a record of the topic as a letter; whatever its headers hold, it is one."""
    headers = dict(raw.headers)

    def text(name: str) -> str:
        return headers.get(name, b"").decode(errors="replace")

    attempt, moment = text(OURS + "attempt"), text(OURS + "source_time")
    return Letter(
        text(OURS + "letter"),
        raw.partition,
        raw.offset,
        timestamp(raw.time).decode(),
        raw.key.decode(errors="replace"),
        text(OURS + "category"),
        text(OURS + "error"),
        text(OURS + "step"),
        text(OURS + "slot"),
        int(attempt) if attempt.isdecimal() else 0,
        text(TYPE),
        text(ID),
        text(OURS + "source"),
        timestamp(int(moment)).decode() if moment.isdecimal() else "",
        text(OURS + "left_out"),
        len(raw.value),
        raw.key,
        raw.value,
        raw.headers,
    )
