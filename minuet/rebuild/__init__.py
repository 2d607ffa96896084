"""Asks for a table made anew from its log; the owner of each partition does it.

The request is a record on the log, so it is its own audit: who asked, why, for which sagas. A
worker that runs reads it and goes on working meanwhile; where none runs, the next one that starts
does it before anything else. Its group's position does not pass the request before it is done.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from minuet.core.row import BLANK, is_blank, peek
from minuet.errors import BrokerError, MinuetError, UsageError
from minuet.event.person import Person
from minuet.event.rebuild import SAGAS_MOST, Rebuild, headers_of
from minuet.kafka import topics
from minuet.kafka.connection import Connection
from minuet.kafka.offsets import committed, watermarks
from minuet.kafka.partitioner import partition_of
from minuet.kafka.reading import snapshot
from minuet.kafka.writer import Place, WriteError, Writer
from minuet.spec.model import Spec

__all__ = ["Asked", "ask", "beyond", "done", "unblock", "unknown"]

_ACK_MS = 20_000


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for: the last request's offset in each partition that has one."""

    offsets: Mapping[int, int]


def ask(
    connection: Connection,
    spec: Spec,
    sagas: Iterable[str] | None,
    person: Person,
    *,
    partitions: Iterable[int] | None = None,
    force: bool = False,
) -> Asked:
    """Append the request to the log.

    Args:
        connection: where Kafka is.
        spec: of the workflow.
        sagas: their ids; None for all.
        person: who asks, and why.
        partitions: only these; for sagas that stand in another one than their key says, too.
        force: also where the log has lost its beginning. Rows of sagas that began there stay.

    Raises:
        BrokerError: Kafka cannot be reached, or it is not known whether a request was written.
        MinuetError: the log has lost its beginning.
        UsageError: a topic is missing, or there is no such partition.
    """
    topics.check(connection, spec)
    ends = watermarks(connection, spec.log_topic)
    wanted = _wanted(ends.keys(), sagas, partitions)
    lost = [number for number in wanted if ends[number][0] > 0]
    if lost and not force:
        message = (
            f"partition {lost[0]} of {spec.log_topic} begins at offset {ends[lost[0]][0]}: of "
            "sagas that began before, only their rows are left. With --force all others are made "
            "anew, and these rows stay as they are"
        )
        raise MinuetError(message)
    return Asked(_append(connection, spec, wanted, person))


def _wanted(
    known: Iterable[int], sagas: Iterable[str] | None, partitions: Iterable[int] | None
) -> dict[int, list[frozenset[str] | None]]:
    """For each partition the requests: all of it, or some sagas at a time."""
    numbers = sorted(known)
    chosen = numbers if partitions is None else sorted(set(partitions))
    if unknown := sorted(set(chosen) - set(numbers)):
        message = f"there is no partition {unknown[0]}: the log has 0 to {numbers[-1]}"
        raise UsageError(message)
    if sagas is None:
        return {number: [None] for number in chosen}
    named = list(dict.fromkeys(sagas))
    found: dict[int, list[frozenset[str] | None]] = {}
    for number in chosen:
        here = [
            saga
            for saga in named
            if partitions is not None or partition_of(saga.encode(), len(numbers)) == number
        ]
        pieces = (here[at : at + SAGAS_MOST] for at in range(0, len(here), SAGAS_MOST))
        if here:
            found[number] = [frozenset(piece) for piece in pieces]
    return found


def _append(
    connection: Connection,
    spec: Spec,
    wanted: Mapping[int, list[frozenset[str] | None]],
    person: Person,
) -> dict[int, int]:
    writer = Writer(connection, spec.log_topic, **{"message.timeout.ms": _ACK_MS})
    acked: list[Place | WriteError] = []
    for number, requests in wanted.items():
        for sagas in requests:
            now_ms = time.time_ns() // 1_000_000
            headers = headers_of(Rebuild(person.by, person.why, sagas), now_ms)
            writer.hand_over(b"", b"", [*headers], acked.append, partition=number)
    unknown = writer.flush(_ACK_MS / 1000)
    found: dict[int, int] = {}
    for one in acked:
        if isinstance(one, WriteError):
            raise one
        found[one.partition] = max(one.offset, found.get(one.partition, -1))
    if unknown:
        raise _no_answer(connection)
    return found


def _no_answer(connection: Connection) -> BrokerError:
    message = f"Kafka at {connection.bootstrap}: no acknowledgement; ask again, it does no harm"
    return BrokerError(message)


def unknown(
    connection: Connection, spec: Spec, sagas: Iterable[str], partitions: Iterable[int] | None
) -> list[str]:
    """Return which of these sagas have no row, and no record on the log either.

    Raises:
        BrokerError: Kafka cannot be reached.
        UsageError: a topic is missing, or there is no such partition.
    """
    left = dict.fromkeys(saga.encode() for saga in sagas)
    for topic in (spec.table_topic, spec.log_topic):
        if not left:
            break
        ends = watermarks(connection, topic)
        wanted = _wanted(ends.keys(), [saga.decode() for saga in left], partitions)
        start = {number: ends[number][0] for number in wanted}
        for message in snapshot(connection, topic, start):
            left.pop(message.key() or b"", None)
            if not left:
                break
    return [saga.decode() for saga in left]


def done(connection: Connection, spec: Spec, asked: Asked) -> list[int]:
    """Return the partitions where it is not done yet.

    Raises:
        BrokerError: Kafka cannot be reached.
    """
    positions = committed(connection, spec.group, spec.log_topic)
    return [number for number, at in asked.offsets.items() if positions.get(number, -1) <= at]


def unblock(connection: Connection, spec: Spec, asked: Asked) -> int:
    """Take away, where no worker runs, the rows with which none would start; return how many.

    Those are rows from beyond the end of the log. A blank row is written behind each, which says
    that nothing is known of the saga; who starts next folds it anew, as was asked for.

    Raises:
        BrokerError: Kafka cannot be reached, or a row was not acknowledged.
    """
    writer = Writer(connection, spec.table_topic, **{"message.timeout.ms": _ACK_MS})
    acked: list[Place | WriteError] = []
    for number, keys in beyond(connection, spec, asked.offsets).items():
        for key in keys:
            writer.hand_over(key, BLANK, [], acked.append, partition=number)
    unknown = writer.flush(_ACK_MS / 1000)
    if wrong := [one for one in acked if isinstance(one, WriteError)]:
        raise wrong[0]
    if unknown:
        raise _no_answer(connection)
    return len(acked)


def beyond(
    connection: Connection, spec: Spec, partitions: Iterable[int] | None = None
) -> dict[int, set[bytes]]:
    """Return, by partition, the sagas that have rows from beyond the end of the log.

    Raises:
        BrokerError: Kafka cannot be reached.
    """
    places = watermarks(connection, spec.table_topic)
    ends = watermarks(connection, spec.log_topic)
    found: dict[int, set[bytes]] = {}
    for number in places if partitions is None else partitions:
        rows: dict[bytes, int] = {}
        for message in snapshot(connection, spec.table_topic, {number: places[number][0]}):
            key, row = message.key() or b"", message.value()
            if row is not None and is_blank(row):
                rows.pop(key, None)
            elif (offset := _log_offset(row)) >= ends[number][1]:
                rows[key] = max(offset, rows.get(key, 0))
        if rows:  # a worker may have written them meanwhile, of what was appended meanwhile
            _, end = watermarks(connection, spec.log_topic, [number])[number]
            rows = {key: offset for key, offset in rows.items() if offset >= end}
        found[number] = {*rows}
    return found


def _log_offset(row: bytes | None) -> int:
    try:
        return -1 if row is None else peek(row)[0]
    except IndexError:
        return -1
