"""What all contestants stand on: one broker, topics with the same settings, begin events."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Producer
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from bench.sidebyside.contestants import Contestant
from bench.sidebyside.programs import wire
from bench.sidebyside.programs.events import OrderPlaced
from bench.sidebyside.programs.job import Job
from bench.sidebyside.watch import Watch
from minuet.bench import throughput
from minuet.bench.place import Place, own_broker
from minuet.bench.reference import saga as reference
from minuet.bench.workload import Workload
from minuet.dev.kafka_config import SETTINGS
from minuet.kafka import topics
from minuet.publish.publisher import Publisher

PARTITIONS = 6  # as many as a workflow has by default
_FLUSH = "log.flush.interval.messages"  # `flush.messages` of each topic that does not say otherwise
_LOG = {
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "message.timestamp.type": "LogAppendTime",
}
_LINGER_MS = {"linger.ms": 0}


@dataclass(frozen=True)
class Ground:
    """A broker, and a folder for what runs leave behind.

    Args:
        place: the broker.
        folder: of environments, states and what programs say.
    """

    place: Place
    folder: Path

    def field(self, contestant: Contestant, label: str) -> Field:
        """Fresh topics, for one run of one contestant."""
        if contestant.enveloped:
            name = throughput.prepare(
                self.place, Workload(), f"{contestant.name}-{label}"
            ).spec.name
            topic, table = f"{name}.events", f"{name}.sagas"
        else:
            name = self.place.fresh(f"{contestant.name}-{label}")
            topic, table = f"{name}.events", f"{name}.orders"
            plans = [
                topics.TopicPlan(topic, PARTITIONS, _LOG),
                topics.TopicPlan(table, PARTITIONS, {"cleanup.policy": "compact"}),
            ]
            topics.apply(self.place.connection, plans)
        folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.folder))
        return Field(self, contestant, name, topic, table, folder)

    @contextmanager
    def flushed(self) -> Iterator[None]:
        """Have the broker write each message to the disk before it acknowledges it."""
        admin = self.place.connection.admin()
        _set(admin, AlterConfigOpType.SET)
        try:
            yield
        finally:
            _set(admin, AlterConfigOpType.DELETE)


@dataclass(frozen=True)
class Field:
    """The topics of one run, and its folder."""

    ground: Ground
    contestant: Contestant
    name: str
    topic: str
    table: str
    folder: Path

    @property
    def effects(self) -> Path:
        """The file of the handlers' runs."""
        return self.folder / "effects"

    def job(self, *, noted: bool = False) -> Job:
        """What a process of this run is told; each has a disk of its own."""
        state = tempfile.mkdtemp(prefix="state-", dir=self.folder)
        return Job(
            self.ground.place.connection.bootstrap, self.topic, self.table, self.name, PARTITIONS,
            state, str(self.effects) if noted else "",
        )  # fmt: skip

    def watch(self) -> Watch:
        """A reader of the log."""
        return Watch(self.ground.place.connection, self.topic, self.contestant.enveloped)

    @contextmanager
    def begin(self) -> Iterator[Begin]:
        """What begins sagas here."""
        where = self.ground.place.connection
        if self.contestant.enveloped:
            spec = reference.workflow().spec
            begins = reference.workflow().models[spec.begins]
            with Publisher(self.name, spec.key, begins, bootstrap=where.bootstrap) as out:
                yield _Published(out)
            return
        yield _Produced(where.producer(**_LINGER_MS), self.topic)


class Begin:
    """Begins sagas, by their numbers."""

    def many(self, first: int, count: int) -> None:
        """Begin so many; all are acknowledged when it returns."""
        raise NotImplementedError

    def one(self, number: int) -> None:
        """Begin one; acknowledged when it returns."""
        self.many(number, 1)


class _Published(Begin):
    """Begins Minuet's."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    def many(self, first: int, count: int) -> None:
        for order in reference.orders(count, first):
            self._publisher.send(order)
        self._publisher.flush()


class _Produced(Begin):
    """Begins those that were written by hand."""

    def __init__(self, producer: Producer, topic: str) -> None:
        self._producer = producer
        self._topic = topic

    def many(self, first: int, count: int) -> None:
        for order in reference.orders(count, first):
            event = OrderPlaced(**order.model_dump())
            while True:
                try:
                    self._producer.produce(self._topic, wire.encode(event), order.order_id.encode())
                    break
                except BufferError:
                    self._producer.poll(0.1)
        self._producer.flush()


@contextmanager
def ground(folder: Path) -> Iterator[Ground]:
    """A broker of this bench's own, gone afterwards with all that runs left."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        own_broker(folder) as place,
        tempfile.TemporaryDirectory(prefix="runs-", dir=folder) as runs,
    ):
        yield Ground(place, Path(runs))


def machine() -> str:
    """Processors, as the figures' reader needs to know them."""
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    return f"{os.cpu_count()} CPUs, {memory_gb:.0f} GB"


def _set(admin: AdminClient, operation: AlterConfigOpType) -> None:
    entry = ConfigEntry(_FLUSH, "1", incremental_operation=operation)
    resource = ConfigResource(ResourceType.BROKER, SETTINGS["node.id"], incremental_configs=[entry])
    for done in admin.incremental_alter_configs([resource]).values():
        done.result()
