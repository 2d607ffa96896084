"""The reference saga on confluent-kafka alone: a loop, a dict, and a compacted topic behind it.

A batch is read, answered, and written; once Kafka has acknowledged all of it, with the rows of the
orders that changed, the position is committed. So nothing is committed that is not on the topics,
and a crash repeats at most the batch that was in hand.
"""

from __future__ import annotations

import json
import signal
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from bench.sidebyside.programs import wire
from bench.sidebyside.programs.job import SESSION_S, Job
from bench.sidebyside.programs.saga import Saga, react

_BATCH = 500
_PATIENCE_S = 30.0
_WAIT_S = 0.5


class Orders:
    """The orders of the partitions that this process has."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._note = job.note()
        self._sagas: dict[int, dict[str, Saga]] = {}
        self._failed: list[KafkaError] = []
        self._stopping = False
        self._producer = Producer(
            {
                "bootstrap.servers": job.bootstrap,
                "acks": "all",
                "enable.idempotence": True,
                "partitioner": "murmur2_random",
                "compression.type": "lz4",
                "linger.ms": 5,  # a flush does not wait for it
                "queue.buffering.max.messages": 1_000_000,
            }
        )
        self._consumer = Consumer(
            {
                "bootstrap.servers": job.bootstrap,
                "group.id": job.group,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                "session.timeout.ms": SESSION_S * 1000,
                "partition.assignment.strategy": "cooperative-sticky",
                "fetch.queue.backoff.ms": 10,
            }
        )

    def run(self) -> None:
        """Work until asked to stop."""
        signal.signal(signal.SIGTERM, self._stop)
        self._consumer.subscribe(
            [self._job.topic], on_assign=self._assigned, on_revoke=self._gone, on_lost=self._gone
        )
        while not self._stopping:
            first = self._consumer.poll(_WAIT_S)
            if first is not None:
                self._batch([first, *self._consumer.consume(_BATCH - 1, 0)])
        self._consumer.close()

    def _batch(self, messages: list[Any]) -> None:
        changed: dict[tuple[int, bytes], Saga] = {}
        done: dict[int, int] = {}
        for message in messages:
            if message.error() is not None:
                raise KafkaException(message.error())
            partition, key = message.partition(), message.key()
            if partition not in self._sagas:  # taken away since it was read
                continue
            saga = self._answer(partition, key, wire.decode(message.value()))
            if saga is not None:
                changed[partition, key] = saga
            done[partition] = message.offset() + 1
        for (partition, key), saga in changed.items():
            self._produce(self._job.table, json.dumps(saga).encode(), key, partition)
        if self._producer.flush(_PATIENCE_S) or self._failed:
            message = f"not written: {self._failed or 'no acknowledgement'}"
            raise RuntimeError(message)
        topic = self._job.topic
        offsets = [TopicPartition(topic, partition, at) for partition, at in done.items()]
        self._consumer.commit(offsets=offsets, asynchronous=False)

    def _answer(self, partition: int, key: bytes, event: Any) -> Saga | None:
        """Say what follows; return the order's new state if it has one."""
        order = key.decode()
        sagas = self._sagas[partition]
        before = sagas.get(order)
        saga, answer = react(before, event, self._note, order)
        if answer is not None:
            self._produce(self._job.topic, wire.encode(answer), key, partition)
        if saga is before:
            return None
        sagas[order] = saga
        return saga

    def _produce(self, topic: str, value: bytes, key: bytes, partition: int) -> None:
        while True:
            try:
                self._producer.produce(topic, value, key, partition, on_delivery=self._delivered)
            except BufferError:
                self._producer.poll(0.1)
            else:
                self._producer.poll(0)
                return

    def _delivered(self, error: KafkaError | None, _: object) -> None:
        if error is not None:
            self._failed.append(error)

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._restore([partition.partition for partition in partitions])
        consumer.incremental_assign(partitions)

    def _gone(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        for partition in partitions:
            self._sagas.pop(partition.partition, None)
        consumer.incremental_unassign(partitions)

    def _restore(self, partitions: list[int]) -> None:
        """Read the partitions' rows to where they end."""
        reader = Consumer(
            {
                "bootstrap.servers": self._job.bootstrap,
                "group.id": f"{self._job.group}-rows",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
            }
        )
        reader.assign([TopicPartition(self._job.table, number, 0) for number in partitions])
        self._sagas |= {number: {} for number in partitions}
        left = set(partitions)
        while left:
            row: Any = reader.poll(_PATIENCE_S)
            error = KafkaError(KafkaError._TIMED_OUT) if row is None else row.error()
            if error is None:
                self._sagas[row.partition()][row.key().decode()] = json.loads(row.value())
            elif error.code() == KafkaError._PARTITION_EOF:
                left.discard(row.partition())
            else:
                raise KafkaException(error)
        reader.close()

    def _stop(self, *_: object) -> None:
        self._stopping = True


if __name__ == "__main__":
    Orders(Job.told()).run()
