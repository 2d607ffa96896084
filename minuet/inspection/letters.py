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
from minuet.spec.model import CATEGORIES as OF_STEPS
from minuet.spec.model import Spec

OURS = "minuet_"
CATEGORIES = (*OF_STEPS, "in-doubt", "unreadable", "early", "import")  # what a letter may be
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
        earlier: the id of the letter that the same slot made before a person resumed it.
        at_ms: the same as `at`, in ms since 1970.
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
    earlier: str
    size: int
    at_ms: int = field(repr=False)
    key: bytes = field(repr=False)
    value: bytes = field(repr=False)
    headers: tuple[tuple[str, bytes], ...] = field(repr=False)

    @property
    def original(self) -> list[tuple[str, bytes]]:
        """The headers of the record that it was made of."""
        return [(name, raw) for name, raw in self.headers if not name.startswith(OURS)]

    @property
    def schema(self) -> bytes:
        """The header that names the writer's schema."""
        return dict(self.headers).get(SCHEMA, b"")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters one wants to see; an empty word is any.

    Args:
        error: a part of the error's text, in capitals or not.
        headers: of the original, each with the value that it must have.
        after_ms, before_ms: from this time on, and before that, ms since 1970; 0 for all.
        where: says of a letter whether it is wanted; None for all.
        limit: how many are shown.
    """

    step: str = ""
    category: str = ""
    saga: str = ""
    after_ms: int = 0
    limit: int = 20
    error: str = ""
    headers: tuple[tuple[str, bytes], ...] = ()
    before_ms: int = 0
    where: Callable[[Letter], bool] | None = None


@dataclass(frozen=True)
class Found:
    """The youngest letters that are wanted, and how many of all there are by category and step."""

    letters: list[Letter]
    counts: Mapping[tuple[str, str], int]


def letters(connection: Connection, spec: Spec, wanted: Wanted, progress: Progress) -> Found:
    """Return the dead letters of a workflow that are wanted, whatever has become of them.

    Raises:
        BrokerError: Kafka cannot be reached.
        UsageError: there is no such topic.
    """
    counts: dict[tuple[str, str], int] = {}

    def wanted_ones() -> Iterator[Letter]:
        for letter in each(connection, spec, wanted, progress):
            what = letter.category, letter.step
            counts[what] = counts.get(what, 0) + 1
            yield letter

    youngest = heapq.nlargest(wanted.limit, wanted_ones(), key=lambda letter: letter.at)
    return Found(youngest, counts)


def each(
    connection: Connection, spec: Spec, wanted: Wanted, progress: Progress
) -> Iterator[Letter]:
    """Iterate over the letters that are wanted, each once, as they stand in the topic.

    Raises:
        BrokerError: Kafka cannot be reached.
        UsageError: there is no such topic.
    """
    every = _each(connection, spec, wanted.after_ms, progress)
    return (letter for letter in every if is_wanted(letter, wanted))


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


def is_wanted(letter: Letter, wanted: Wanted) -> bool:
    """Whether a letter is one of those; when it was written is looked at too."""
    return (
        wanted.step in ("", letter.step)
        and wanted.category in ("", letter.category)
        and wanted.saga in ("", letter.saga)
        and wanted.error.casefold() in letter.error.casefold()
        and wanted.after_ms <= letter.at_ms
        and (not wanted.before_ms or letter.at_ms < wanted.before_ms)
        and all(pair in letter.headers for pair in wanted.headers)
        and (wanted.where is None or wanted.where(letter))
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


def chain(connection: Connection, spec: Spec, letter: Letter, progress: Progress) -> list[Letter]:
    """Return the letters that the same step of the same saga made before, the youngest first.

    Each names the one before it; one that was lost with its topic ends the chain.
    """
    if not letter.earlier:
        return []
    wanted = Wanted(saga=letter.saga, step=letter.step)
    by_id = {one.id: one for one in each(connection, spec, wanted, progress)}
    found: list[Letter] = []
    before = by_id.get(letter.earlier)
    while before is not None and before not in found:
        found.append(before)
        before = by_id.get(before.earlier)
    return found


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
        text(OURS + "earlier"),
        len(raw.value),
        raw.time,
        raw.key,
        raw.value,
        raw.headers,
    )
