"""All that the log has of one saga, in its order, with the values decoded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from minuet.contracts.codec import Codec
from minuet.core.plan import Plan
from minuet.core.state import COUNTS, State
from minuet.core.table import Table
from minuet.errors import MinuetError, UnreadableValue
from minuet.event.record import (
    ATTEMPT,
    BY,
    LATE,
    NOT_BEFORE,
    REASON,
    SCHEMA,
    STEP,
    UNDOES,
    Record,
    UnreadableHeaders,
    timestamp,
)
from minuet.index import Index
from minuet.kafka import topics
from minuet.kafka.connection import Connection
from minuet.kafka.offsets import watermarks
from minuet.kafka.partitioner import partition_of
from minuet.kafka.picking import Place, pick
from minuet.kafka.reading import record_of, snapshot

_PROGRESS_EVERY = 2_000

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Said:
    """A record of the saga.

    Args:
        causes: ids; `cause_offsets`: where they stand.
        note: what it counted as when it was folded (`duplicates`, `strays`, ...); empty when it
            had its effect.
        value: the event's fields; None when it cannot be read, and `unreadable` says why.
    """

    offset: int
    time: str
    type: str
    id: str
    step: str = ""
    slot: str = ""
    attempt: int = 0
    causes: tuple[str, ...] = ()
    cause_offsets: tuple[int, ...] = ()
    undoes: str = ""
    late: bool = False
    not_before: str = ""
    reason: str = ""
    by: str = ""
    note: str = ""
    value: dict[str, Any] | None = None
    unreadable: str = ""


@dataclass(frozen=True)
class History:
    """One saga: its records, and what each was counted as; `state` is their fold.

    `after` is the next offset of the partition that was not read.
    """

    saga: str
    partition: int
    records: list[Record]
    notes: list[str] = field(repr=False)
    state: State = field(repr=False)
    after: int = 0


def read(
    connection: Connection,
    plan: Plan,
    saga: str,
    progress: Progress = lambda _done, _all: None,
    index: Index | None = None,
) -> History:
    """Read a saga from the log.

    Args:
        connection: where Kafka is.
        plan: the compiled workflow.
        saga: its id.
        progress: told how many records of its partition are read, and how many there are.
        index: of the log; without one all of the partition is read.

    Raises:
        BrokerError: Kafka cannot be reached.
        UsageError: there is no such log.
        MinuetError: there is no such saga on it.
    """
    spec = plan.spec
    topics.check(connection, spec)
    ends = watermarks(connection, spec.log_topic, range(spec.partitions))
    place = partition_of(saga.encode(), len(ends))
    others = [number for number in ends if number != place]
    for number in (place, *others):  # in another one only when a producer put it there
        if index is not None:
            known = index.find(connection, spec.log_topic, saga.encode(), ends, [number], progress)
            if known is not None:
                picked = _picked(connection, spec.log_topic, saga, known)
                if picked:
                    return History(saga, number, picked, *fold(plan, picked), ends[number][1])
                if picked is not None:
                    continue
        low, high = ends[number]

        def read_to(offset: int, low: int = low, high: int = high) -> None:
            progress(offset - low, high - low)

        found, after = _records(connection, (spec.log_topic, number, low), saga, read_to)
        if found:
            return History(saga, number, found, *fold(plan, found), after)
    message = f"{spec.name} has no saga {saga!r} on {spec.log_topic} at {connection.bootstrap}"
    raise MinuetError(message)


def _picked(
    connection: Connection, topic: str, saga: str, places: Sequence[Place]
) -> list[Record] | None:
    """The records of a saga that stand at these places, where others' may stand, too; None when at
    one of them none was to be had.
    """
    picked = pick(connection, topic, places, {number for number, _ in places}) if places else {}
    if len(picked) < len(set(places)):
        return None
    found = []
    for place in sorted(picked):
        if picked[place].key() == saga.encode():
            with suppress(UnreadableHeaders):  # it is nothing to any saga
                found.append(record_of(picked[place]))
    return found


def read_on(connection: Connection, plan: Plan, history: History) -> History:
    """Read what has come to a saga since.

    Raises:
        BrokerError: Kafka cannot be reached.
    """
    place = (plan.spec.log_topic, history.partition, history.after)
    more, after = _records(connection, place, history.saga, lambda _offset: None)
    records = [*history.records, *more]
    return History(history.saga, history.partition, records, *fold(plan, records), after)


def _records(
    connection: Connection, place: tuple[str, int, int], saga: str, read_to: Callable[[int], None]
) -> tuple[list[Record], int]:
    """The records of a saga from a place on, and the next offset that was not read."""
    topic, partition, after = place
    key, begin = saga.encode(), after
    found = []
    for message in snapshot(connection, topic, {partition: begin}):
        after = (message.offset() or 0) + 1
        if after % _PROGRESS_EVERY == 0:
            read_to(after)
        if message.key() == key:
            try:
                found.append(record_of(message))
            except UnreadableHeaders:
                continue  # it is nothing to any saga
    return found, after


def fold(plan: Plan, records: list[Record]) -> tuple[list[str], State]:
    """Fold a saga's records; return what each was counted as, and the state after the last."""
    table = Table(plan)
    notes = []
    before: dict[str, int] = {}
    state = table.fold(records[0])
    for number, record in enumerate(records):
        if number:
            state = table.fold(record)
        rose = (name for name in COUNTS if state.counts.get(name, 0) > before.get(name, 0))
        notes.append(next(rose, ""))
        before = dict(state.counts)
    return notes, state


def said(history: History, codec: Codec, begins: str) -> list[Said]:
    """Return a saga's records in words.

    Args:
        history: of the saga.
        codec: of the workflow's events.
        begins: the type of the begin event, whose bytes a redo carries.
    """
    offsets: dict[str, int] = {}
    found = []
    for record, note in zip(history.records, history.notes, strict=True):
        offsets.setdefault(record.id, record.offset)
        causes = tuple(record.causes)
        one = Said(
            record.offset, timestamp(record.time).decode(), record.type, record.id,
            record.text(STEP), record.slot, record.number(ATTEMPT), causes,
            tuple(offsets[cause] for cause in causes if cause in offsets),
            record.text(UNDOES), LATE in record.headers, _moment(record.number(NOT_BEFORE)),
            record.text(REASON), record.text(BY), note, *_value(record, codec, begins),
        )  # fmt: skip
        found.append(one)
    return found


def _moment(ms: int) -> str:
    return timestamp(ms).decode() if ms else ""


def _value(record: Record, codec: Codec, begins: str) -> tuple[dict[str, Any] | None, str]:
    event_type = begins if record.type == "SagaRedone" else record.type
    try:
        event = codec.decode(event_type, record.headers.get(SCHEMA, b""), record.value)
    except UnreadableValue as bad:
        return None, str(bad)
    return event.model_dump(mode="json"), ""
