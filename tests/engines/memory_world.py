"""The world on a model broker, in virtual time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from minuet.engines import virtual_time
from minuet.engines.course import Stored
from minuet.engines.disk_stores import DiskStores
from minuet.engines.log import Log
from minuet.engines.memory import MemoryLog
from minuet.engines.model_broker import NO_FAULTS, Faults, ModelBroker
from minuet.engines.row_store import RowStores
from minuet.event.record import Headers
from minuet.settings.worker import Options
from tests.engines.world import OPTIONS, Worker, World


class MemoryWorld(World):
    def __init__(
        self, within: str = "1h", options: Options = OPTIONS,
        *, seed: int = 7, faults: Faults = NO_FAULTS, stores: RowStores | None = None,
    ) -> None:  # fmt: skip
        super().__init__("trips", within, replace(options, threads=0), stores)
        self.time = virtual_time.running()
        self.broker = ModelBroker(
            self.spec.partitions, self.spec.log_topic, self.time.now_ms, seed=seed, faults=faults
        )
        self._members = 0

    def log(self, group: str, client_id: str) -> Log:
        self._members += 1
        name = f"{client_id}#{self._members}"
        return MemoryLog(
            self.broker, name, self.spec.table_topic, group=group, reads_from=self.spec.name
        )

    def now_ms(self) -> int:
        return self.time.now_ms()

    async def produce(
        self, topic: str, partition: int, key: bytes, value: bytes, headers: Headers
    ) -> None:
        self.broker.store(topic, partition, key, value, headers)

    async def stored(self, topic: str) -> list[Stored]:
        return self.broker.everything(topic)

    async def limit(self, topic: str, most: int) -> None:
        self.broker.limits[topic] = most

    async def expire(self) -> None:
        self.broker.group(self.spec.name).committed.clear()

    async def forget(self, topic: str, partition: int, before: int) -> None:
        self.broker.lows[topic, partition] = before

    async def empty(self, topic: str) -> None:
        for number in range(self.spec.partitions):
            self.broker.records(topic, number).clear()
        if isinstance(self.stores, DiskStores):
            self.stores.identity += "anew"  # as another id of the topic does

    async def cut(self, worker: Worker) -> None:
        log = worker.log.log
        assert isinstance(log, MemoryLog)
        log.kill()


def play(
    story: Callable[[World], Awaitable[None]], *, within: str = "1h", options: Options = OPTIONS,
    stores: RowStores | None = None,
) -> None:  # fmt: skip
    async def main() -> None:
        world = MemoryWorld(within, options, stores=stores)
        await story(world)
        await world.close()

    virtual_time.run(main())
