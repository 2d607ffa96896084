"""The world on a real broker, which the tests started."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from uuid import uuid4

from confluent_kafka import TopicPartition

from minuet.engines.course import Stored
from minuet.engines.log import Log
from minuet.engines.native import KafkaLog
from minuet.engines.worker import now_ms
from minuet.event.record import Headers
from minuet.kafka import topics
from minuet.kafka.connection import Connection
from minuet.kafka.reading import snapshot
from minuet.settings.worker import Options
from tests.engines.world import OPTIONS, Worker, World


class NativeWorld(World):
    def __init__(
        self, connection: Connection, within: str = "1h", options: Options = OPTIONS
    ) -> None:
        super().__init__(f"trips-{uuid4().hex[:8]}", within, options)
        self.connection = connection
        self._producer = self.connection.producer()

    async def open(self) -> None:
        await asyncio.to_thread(topics.apply, self.connection, topics.plan(self.spec))

    def log(self, group: str, client_id: str) -> Log:
        return KafkaLog(
            self.connection, self.spec.log_topic, self.spec.table_topic,
            group=group, reads_from=self.spec.name, client_id=client_id,
            guarantee=self.options.guarantee,
        )  # fmt: skip

    def now_ms(self) -> int:
        return now_ms()

    async def produce(
        self, topic: str, partition: int, key: bytes, value: bytes, headers: Headers
    ) -> None:
        self._producer.produce(topic, value, key, partition, headers=headers)  # type: ignore[arg-type]
        left = await asyncio.to_thread(self._producer.flush, 10)
        assert left == 0

    async def stored(self, topic: str) -> list[Stored]:
        return await asyncio.to_thread(self._read, topic)

    def _read(self, topic: str) -> list[Stored]:
        found = []
        for message in snapshot(self.connection, topic):
            partition, offset = message.partition(), message.offset()
            assert partition is not None
            assert offset is not None
            time, key = message.timestamp()[1], message.key() or b""
            headers = list(message.headers() or [])
            found.append(Stored(partition, offset, time, key, message.value(), headers))  # type: ignore[arg-type]
        return sorted(found, key=lambda one: (one.partition, one.offset))

    async def limit(self, topic: str, most: int) -> None:
        config = {"max.message.bytes": str(most), "compression.type": "uncompressed"}
        plan = topics.TopicPlan(topic, self.spec.partitions, config)
        await asyncio.to_thread(topics.apply, self.connection, [plan])

    async def expire(self) -> None:
        admin = self.connection.admin()  # it has to outlive its answer
        [deleted] = admin.delete_consumer_groups([self.spec.name]).values()
        await asyncio.to_thread(deleted.result, 10)

    async def forget(self, topic: str, partition: int, before: int) -> None:
        place = TopicPartition(topic, partition, before)
        admin = self.connection.admin()  # it has to outlive its answer
        [deleted] = admin.delete_records([place]).values()
        await asyncio.to_thread(deleted.result, 10)

    async def empty(self, topic: str) -> None:
        admin = self.connection.admin()  # it has to outlive its answer
        [deleted] = admin.delete_topics([topic]).values()
        await asyncio.to_thread(deleted.result, 10)
        while topic in (await asyncio.to_thread(self.connection.reach)).topics:
            await asyncio.sleep(0.05)
        await self.open()

    async def cut(self, worker: Worker) -> None:
        await worker.log.close()


def play(
    connection: Connection, story: Callable[[World], Awaitable[None]], *, within: str = "1h",
    options: Options = OPTIONS,
) -> None:  # fmt: skip
    async def main() -> None:
        world = NativeWorld(connection, within, options)
        await world.open()
        try:
            await story(world)
        finally:
            await world.close()

    asyncio.run(main())


def play_in_transactions(
    connection: Connection, story: Callable[[World], Awaitable[None]], *, within: str = "1h",
    options: Options = OPTIONS,
) -> None:  # fmt: skip
    play(connection, story, within=within, options=replace(options, guarantee="transactional"))
