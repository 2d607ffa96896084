"""A log that counts what goes through it, for a worker whose figures somebody reads."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence

from confluent_kafka import KafkaError

from minuet.engines.log import Append
from minuet.engines.native import KafkaLog
from minuet.event.record import TYPE, base_headers
from minuet.kafka.connection import Connection

_TYPE_AT = [name for name, _ in base_headers("", "", b"", 0)].index(TYPE)


class MeteredLog(KafkaLog):
    """`KafkaLog` with counters; counting an append costs 0.2 us.

    Attributes:
        said: events handed over to be appended, by type.
        letters: dead letters, by category.
        rows_written, append_failures: how many.
        restores: partitions whose rows were read; `rows_read`: of all of them.
        committed_at: by partition, the last commit, of the steady clock.
    """

    def __init__(self, connection: Connection, topic: str, table: str, **own: str) -> None:
        super().__init__(connection, topic, table, **own)
        self.said: Counter[bytes] = Counter()
        self.letters: Counter[bytes] = Counter()
        self.rows_written = self.append_failures = self.restores = self.rows_read = 0
        self.committed_at: dict[int, float] = {}

    def append(self, append: Append) -> None:
        """Count a record, and write it."""
        headers = append.headers
        if append.topic == self._topic:
            self.said[headers[_TYPE_AT][1]] += 1
        elif append.topic == self._table:
            self.rows_written += 1
        else:
            category = next((raw for name, raw in headers if name == "minuet_category"), b"other")
            self.letters[category] += 1
        super().append(append)

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Commit positions."""
        self.committed_at.update(dict.fromkeys(offsets, time.monotonic()))
        super().commit(offsets)

    async def rows(
        self, partition: int, start: int = 0, end: int | None = None
    ) -> AsyncIterator[Sequence[tuple[bytes, bytes | None, int]]]:
        """Read stored rows; all of them are a restore."""
        whole = end is None
        async for chunk in super().rows(partition, start, end):
            self.rows_read += len(chunk) if whole else 0
            yield chunk
        self.restores += whole

    def _failed(self, append: Append, error: KafkaError) -> None:
        self.append_failures += 1
        super()._failed(append, error)
