"""Proves that the saga table is the fold of the log, or says where it is not.

The log is read from its beginning and folded by the core alone, one partition after the other; no
worker, no overlay and no row takes part. Every stored row is then what the fold was at the row's
own offset, or it is a difference.
"""

from __future__ import annotations

from collections.abc import Callable

from minuet.core.plan import compile_plan
from minuet.event.record import Record, UnreadableHeaders
from minuet.kafka import topics
from minuet.kafka.connection import Connection
from minuet.kafka.offsets import committed, watermarks
from minuet.kafka.reading import rebuild_of, record_of, snapshot
from minuet.spec.model import Spec
from minuet.verify.partition import Bounds, Check
from minuet.verify.report import Difference, Report

__all__ = ["Difference", "Report", "verify"]

_PROGRESS_EVERY = 2_000

Progress = Callable[[int, int], None]
Key = Callable[[Record], str]
Meant = Callable[[str], bool]


def verify(
    connection: Connection,
    spec: Spec,
    progress: Progress = lambda _done, _all: None,
    key: Key = lambda record: record.key,
    meant: Meant = lambda _saga: True,
) -> Report:
    """Compare a workflow's table with its log; it may run beside live workers.

    Args:
        connection: where Kafka is.
        spec: of the workflow.
        progress: told how many records are read, and how many there are.
        key: what a record's value says that its key is; the fold itself never opens a value.
        meant: whether differences of a saga are told and counted; all is compared.

    Raises:
        BrokerError: Kafka cannot be reached.
        UsageError: a topic is missing or wrong.
    """
    topics.check(connection, spec)
    plan = compile_plan(spec)
    # In this order: rows are acked before their position is committed, and written from what has
    # been read. So what is committed has rows, and each row has its record.
    positions = committed(connection, spec.group, spec.log_topic)
    ends = watermarks(connection, spec.log_topic)
    total = sum(high - low for low, high in ends.values())
    report = Report(spec.name)
    for number, (low, _) in ends.items():
        bounds = Bounds(number, len(ends), low, positions.get(number, 0))
        before = report.events

        def read(events: int, before: int = before) -> None:
            progress(before + events, total)

        report.add(_check(connection, Check(plan, bounds, meant), bounds, (read, key)))
    progress(total, total)
    return report


def _check(
    connection: Connection, check: Check, bounds: Bounds, asked: tuple[Callable[[int], None], Key]
) -> Report:
    progress, key = asked
    spec = check.spec
    first, _ = watermarks(connection, spec.table_topic)[bounds.partition]
    for message in snapshot(connection, spec.table_topic, {bounds.partition: first}):
        check.row(message.key() or b"", message.value())
    for message in snapshot(connection, spec.log_topic, {bounds.partition: bounds.begins}):
        try:
            record = record_of(message)
        except UnreadableHeaders:
            asks = rebuild_of(message) is not None
            check.unreadable(message.offset() or 0, asks=asks)
        else:
            check.record(record)
            check.keyed(record, key(record))
        if check.report.events % _PROGRESS_EVERY == 0:
            progress(check.report.events)
    return check.finish()
