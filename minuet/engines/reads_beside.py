"""What a log on Kafka reads beside its group: rows, history, and single records."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

from confluent_kafka import KafkaException

from minuet.engines.log import Unreadable
from minuet.engines.native_reading import in_turn, stored_records, stored_rows
from minuet.engines.native_records import raw
from minuet.event.record import Record
from minuet.kafka.connection import Connection
from minuet.kafka.picking import pick

LOADING_MOST = 2  # partitions whose rows are read at once; more only takes more memory


class ReadsBeside:
    """Reads with consumers that are in no group, each made for one reading.

    Args:
        connection: where Kafka is.
        topic: the log; `table`: the topic of rows.
    """

    def __init__(self, connection: Connection, topic: str, table: str) -> None:
        self._connection = connection
        self._topic, self._table = topic, table
        self._loading = asyncio.Semaphore(LOADING_MOST)

    def rows(
        self, partition: int, start: int = 0, end: int | None = None
    ) -> AsyncIterator[Sequence[tuple[bytes, bytes | None, int]]]:
        """Read stored rows in chunks."""
        place = (self._table, partition)
        return in_turn(self._loading, stored_rows(self._connection, place, start, end))

    def history(
        self, partition: int, start: int, end: int
    ) -> AsyncIterator[Sequence[Record | Unreadable]]:
        """Read the log in chunks."""
        return stored_records(self._connection, (self._topic, partition), start, end)

    async def records(self, partition: int, offsets: Sequence[int]) -> Mapping[int, Unreadable]:
        """Read single records of the log.

        Raises:
            BrokerError: the broker does not say.
        """
        places = [(partition, offset) for offset in offsets]
        try:
            found = await asyncio.to_thread(pick, self._connection, self._topic, places)
        except KafkaException as failure:
            raise self._connection.error(failure, f"topic {self._topic}", "Read") from failure
        return {offset: raw(message) for (_, offset), message in found.items()}
