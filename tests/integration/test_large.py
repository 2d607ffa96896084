"""A topic that takes small requests only: the broker refuses many records together, not each."""

from __future__ import annotations

import asyncio
from typing import cast
from uuid import uuid4

import pytest

from minuet.engines.log import Append, Sink
from minuet.engines.native import KafkaLog
from minuet.kafka import topics
from minuet.kafka.connection import Connection
from minuet.kafka.topics import TopicPlan

pytestmark = pytest.mark.kafka

MOST = 5_000
LARGE = bytes(range(256)) * 40


class Told:
    """A sink that keeps what it was told."""

    def __init__(self) -> None:
        self.acked: list[bytes] = []
        self.refused: list[tuple[bytes, bool]] = []
        self.error: Exception | None = None

    def ack(self, append: Append, _offset: int) -> None:
        self.acked.append(append.key)

    def failed(self, append: Append, reason: str, *, final: bool) -> None:
        self.refused.append((append.key, final))

    def assigned(self, positions: object) -> None: ...

    async def revoked(self, partitions: object) -> None: ...

    def read(self, partition: int, records: object) -> None: ...

    def reached(self, partition: int, offset: int) -> None: ...

    def broken(self, error: Exception) -> None:
        self.error = error


def test_each_record_that_fits_by_itself_is_written_and_the_one_that_does_not_is_refused(
    kafka: str,
) -> None:
    name = f"small-{uuid4().hex[:6]}"
    connection = Connection(kafka)
    plans = [TopicPlan(f"{name}.{kind}", 1, {"max.message.bytes": str(MOST),
             "compression.type": "uncompressed"}) for kind in ("events", "sagas")]  # fmt: skip
    topics.apply(connection, plans)

    async def story() -> None:
        told = Told()
        log = KafkaLog(
            connection, f"{name}.events", f"{name}.sagas",
            group=name, reads_from=name, client_id=name,
        )  # fmt: skip
        await log.open(cast(Sink, told))

        def row(key: bytes, value: bytes) -> Append:
            append = Append(f"{name}.sagas", 0, key, value, [])
            append.acked = told.ack
            return append

        keys = [f"row-{n}".encode() for n in range(200)]
        for number, key in enumerate(keys):
            value = bytes((number + i * i) % 256 for i in range(400))
            log.append(row(key, value))
        log.append(row(b"large", LARGE))
        async with asyncio.timeout(60):
            while len(told.acked) + len(told.refused) < 201:
                await asyncio.sleep(0.01)
        assert sorted(told.acked) == sorted(keys)
        assert told.refused == [(b"large", True)]
        assert told.error is None
        await log.close()

    asyncio.run(story())
