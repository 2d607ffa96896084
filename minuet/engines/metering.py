"""A log that counts what goes through it, for a worker whose figures somebody reads."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from minuet.engines.log import Append, Sink
from minuet.engines.native import KafkaLog
from minuet.event.record import TYPE, base_headers

_TYPE_AT = [name for name, _ in base_headers("", "", b"", 0)].index(TYPE)


class MeteredLog:
    """Stands in front of a log and counts; an append costs 0.2 us more.

    Args:
        log: that does the work; what is not counted goes to it directly.
        topic: the workflow's log; `table`: the topic of its rows.

    Attributes:
        said: events handed over to be appended, by type.
        letters: dead letters, by category.
        rows_written, append_failures: how many.
        restores: partitions whose rows were read; `rows_read`: of all of them.
        committed_at: by partition, the last commit, of the steady clock.
    """

    def __init__(self, log: KafkaLog, topic: str, table: str) -> None:
        self._log, self._topic, self._table = log, topic, table
        self.said: Counter[bytes] = Counter()
        self.letters: Counter[bytes] = Counter()
        self.rows_written = self.append_failures = self.restores = self.rows_read = 0
        self.committed_at: dict[int, float] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    async def open(self, sink: Sink) -> None:
        """Connect and join the group."""
        await self._log.open(_MeteredSink(self, sink))

    def append(self, append: Append) -> None:
        """Count a record, and write it."""
        self._count(append)
        if append.then is not None:
            self._count(append.then)
        self._log.append(append)

    def _count(self, append: Append) -> None:
        headers = append.headers
        if append.topic == self._topic:
            self.said[headers[_TYPE_AT][1]] += 1
        elif append.topic == self._table:
            self.rows_written += 1
        else:  # a dead letter, which says its category, or a call on a delay topic
            self.letters.update([raw for name, raw in headers if name == "minuet_category"])

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Commit positions."""
        self.committed_at.update(dict.fromkeys(offsets, time.monotonic()))
        self._log.commit(offsets)

    async def rows(
        self, partition: int, start: int = 0, end: int | None = None
    ) -> AsyncIterator[Sequence[tuple[bytes, bytes | None, int]]]:
        """Read stored rows; all of them are a restore."""
        whole = end is None and not start
        async for chunk in self._log.rows(partition, start, end):
            self.rows_read += len(chunk) if whole else 0
            yield chunk
        self.restores += whole


class _MeteredSink:
    """Hears of appends that failed before the loop does."""

    def __init__(self, meter: MeteredLog, sink: Sink) -> None:
        self._meter, self._sink = meter, sink

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sink, name)

    def failed(self, append: Append, reason: str, *, final: bool) -> None:
        self._meter.append_failures += 1
        self._sink.failed(append, reason, final=final)
