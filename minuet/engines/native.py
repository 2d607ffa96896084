"""The log on a real Kafka: librdkafka behind the seam.

A thread waits for the consumer, and is the only one to touch it, so that the loop's thread never
waits; what is read is handed over in batches, and what the loop wants of the consumer is queued and
done between two polls. Another thread keeps a beat at which the loop serves delivery reports.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from minuet.engines.log import Append, Position, Sink, Unreadable
from minuet.engines.native_reading import by_partition, patiently, stored_rows
from minuet.event.record import Record
from minuet.kafka.connection import REACH_S, Connection, describe

POLL_S = 0.02  # how long a command for the consumer may have to wait when nothing is read
BEAT_S = 0.000_3  # how long an ack may have to wait when the loop is idle
PROMPT_MOST = 32  # while no more are on their way, each record goes out at once; else in bulk
BULK_LINGER_MS = 2  # sending each at once cost 8 us and a wake-up per record, in bulk it is 3 us
BATCH = 1_000
LOADING_MOST = 2  # partitions whose rows are read at once; more only takes more memory
REVOKE_S = 20.0  # for the last checkpoint of a partition that is given back

_CONSUMER = {
    "auto.offset.reset": "error",
    "enable.partition.eof": True,
    "partition.assignment.strategy": "cooperative-sticky",
    "session.timeout.ms": 6_000,
    "heartbeat.interval.ms": 1_500,
    "fetch.wait.max.ms": 100,
    "queued.max.messages.kbytes": 16_384,
    "fetch.queue.backoff.ms": 5,
    "socket.nagle.disable": True,
}
_PRODUCER = {
    "queue.buffering.max.messages": 200_000,
    "message.timeout.ms": 30_000,
    "socket.nagle.disable": True,
}
# The record itself is refused. librdkafka marks no delivery report as retriable, and tries again by
# itself what may pass; so whatever is not named here may pass, or may even have been written.
_REFUSED = frozenset(
    {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.INVALID_MSG_SIZE,
        KafkaError.INVALID_RECORD,
        KafkaError.INVALID_TIMESTAMP,
        KafkaError.UNSUPPORTED_FOR_MESSAGE_FORMAT,
        KafkaError._INVALID_ARG,
    }
)


class KafkaLog:
    """One member of a workflow's consumer group, and its producer.

    Args:
        connection: where Kafka is.
        topic: the log; `table`: the topic of rows.
        group: to join.
        reads_from: the coordinator's group, whose commits say where reading begins.
        client_id: what others see of this member.
    """

    def __init__(
        self, connection: Connection, topic: str, table: str, *,
        group: str, reads_from: str, client_id: str,
    ) -> None:  # fmt: skip
        self._connection = connection
        self._topic = topic
        self._table = table
        self._reads_from = reads_from
        own = {"group.id": group, "client.id": client_id}
        self._consumer: Consumer = connection.consumer(**_CONSUMER, **own)
        self._prompt = connection.producer(**_PRODUCER)
        self._bulk = connection.producer(**_PRODUCER, **{"linger.ms": BULK_LINGER_MS})
        self._unacked = 0
        self._loading = asyncio.Semaphore(LOADING_MOST)
        self._commands: deque[Callable[[Consumer], None]] = deque()
        self._acks: list[tuple[Append, int, KafkaError | None]] = []
        self._full: deque[Append] = deque()
        self._awaited = threading.Event()
        self._awaits = False
        self._beaten = False
        self._closing = threading.Event()
        self._failure: KafkaException | None = None
        self._threads: list[threading.Thread] = []

    async def open(self, sink: Sink) -> None:
        """Join the group and begin to read."""
        self._sink = sink
        self._loop = asyncio.get_running_loop()
        self._consumer.subscribe(
            [self._topic],
            on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost,
        )  # fmt: skip
        for name, work in (("minuet-read", self._read), ("minuet-acks", self._beat)):
            thread = threading.Thread(target=self._guarded, args=(work,), name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    # -- writing ---------------------------------------------------------------------------------

    def append(self, append: Append) -> None:
        """Hand a record to the producer; when its queue is full, keep it until there is room."""
        if self._full or not self._produce(append):
            self._full.append(append)

    def _produce(self, append: Append) -> bool:
        def delivered(error: KafkaError | None, message: Message) -> None:
            self._acks.append((append, message.offset() or 0, error))

        in_bulk = self._unacked > PROMPT_MOST or append.topic == self._table
        try:
            (self._bulk if in_bulk else self._prompt).produce(
                append.topic, append.value, append.key, append.partition,
                on_delivery=delivered, headers=append.headers,  # type: ignore[arg-type]
            )  # fmt: skip
        except BufferError:
            return False
        except KafkaException as refusal:  # as of a record that is too large
            self._acks.append((append, 0, refusal.args[0]))
        self._unacked += 1
        if not self._awaits:
            self._awaits = True
            self._awaited.set()
        return True

    def _beat(self) -> None:
        """Have delivery reports served while some are awaited.

        They are served on the loop's thread: a report served here would have to wait for the GIL,
        one by one, whenever the loop is busy. This thread only keeps the beat.
        """
        while not self._closing.is_set():
            self._awaited.wait(0.1)
            time.sleep(BEAT_S)
            if not self._beaten and self._awaited.is_set():
                self._beaten = True
                self._tell(self._serve_acks)

    def _serve_acks(self) -> None:
        self._beaten = False
        self._prompt.poll(0)
        self._bulk.poll(0)
        acks, self._acks = self._acks, []
        self._acked(acks)
        if not self._acks and not len(self._prompt) and not len(self._bulk):
            self._awaits = False
            self._awaited.clear()

    def _acked(self, acks: Sequence[tuple[Append, int, KafkaError | None]]) -> None:
        self._unacked -= len(acks)
        for append, offset, error in acks:
            if error is not None:
                self._failed(append, error)
            elif append.acked is not None:
                append.acked(append, offset)
        while self._full and self._produce(self._full[0]):
            self._full.popleft()

    def _failed(self, append: Append, error: KafkaError) -> None:
        if error.fatal() or error.code() == KafkaError._FATAL:  # this producer writes no more
            self._sink.broken(self._connection.error(error))
        else:
            self._sink.failed(append, describe(error), final=error.code() in _REFUSED)

    # -- reading ---------------------------------------------------------------------------------

    def _read(self) -> None:
        try:
            self._guarded(self._follow)
        finally:
            self._consumer.close()  # or its partitions would wait for the session to time out

    def _follow(self) -> None:
        consumer = self._consumer
        while not self._closing.is_set():
            self._obey()
            first = consumer.poll(POLL_S)
            if self._failure is not None:
                raise self._failure
            if first is None:
                continue
            messages = [first, *consumer.consume(BATCH - 1, 0)]  # what is there, without waiting
            for partition, items in by_partition(messages).items():
                self._tell(self._deliver, partition, items)
        self._obey()

    def _deliver(self, partition: int, items: list[Record | Unreadable | int | KafkaError]) -> None:
        records: list[Record | Unreadable] = []
        end = None
        for item in items:
            if isinstance(item, int):
                end = item
            elif isinstance(item, KafkaError):
                self._sink.broken(self._connection.error(item))
                return
            else:
                records.append(item)
        if records:
            self._sink.read(partition, records)
        if end is not None:
            self._sink.reached(partition, end)

    def _obey(self) -> None:
        while self._commands:
            self._commands.popleft()(self._consumer)

    def _tell(self, told: Callable[..., None], *arguments: Any) -> None:
        self._loop.call_soon_threadsafe(told, *arguments)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except KafkaException as failure:
            if not self._closing.is_set():
                self._tell(self._sink.broken, self._connection.error(failure))
        except Exception as error:  # a thread must not end in silence
            self._tell(self._sink.broken, error)

    # -- the group (these run on the reading thread, inside a poll) -------------------------------

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        try:
            positions = patiently(lambda: self._positions(consumer, partitions))
        except KafkaException as failure:  # out of a callback it would come as what none can catch
            self._failure = failure
            return
        starts = [TopicPartition(self._topic, n, at.start) for n, at in positions.items()]
        consumer.incremental_assign(starts)
        self._tell(self._sink.assigned, positions)

    def _positions(
        self, consumer: Consumer, partitions: list[TopicPartition]
    ) -> dict[int, Position]:
        places = [TopicPartition(p.topic, p.partition) for p in partitions]
        if not places:
            return {}  # a member more than there are partitions
        asked = ConsumerGroupTopicPartitions(self._reads_from, places)
        # A client of its own: one that outlives a restart of the broker was seen to ask the group's
        # old coordinator for ever. It must also outlive its answers.
        admin = self._connection.admin()
        answer = admin.list_consumer_group_offsets([asked], request_timeout=REACH_S)
        found = answer[self._reads_from].result(2 * REACH_S).topic_partitions
        committed = {place.partition: place.offset for place in found}
        positions = {}
        for place in places:
            low, high = consumer.get_watermark_offsets(place, timeout=REACH_S)
            start = committed.get(place.partition, OFFSET_BEGINNING)
            positions[place.partition] = Position(start if low <= start <= high else low, high)
        return positions

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        numbers = [p.partition for p in partitions]
        given_back = asyncio.run_coroutine_threadsafe(self._give_back(numbers), self._loop)
        try:
            given_back.result(REVOKE_S)
        except TimeoutError:
            self._tell(self._sink.lost, numbers)
        self._obey()
        consumer.incremental_unassign(partitions)

    async def _give_back(self, numbers: list[int]) -> None:
        await self._sink.revoked(numbers)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._tell(self._sink.lost, [p.partition for p in partitions])
        consumer.incremental_unassign(partitions)

    # -- what the loop asks for ------------------------------------------------------------------

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Commit positions; the answer is not waited for."""
        places = [TopicPartition(self._topic, n, offset) for n, offset in offsets.items()]
        self._commands.append(lambda consumer: _quietly(consumer.commit, places))

    def pause(self, partitions: Iterable[int]) -> None:
        """Fetch no more of these for now."""
        places = [TopicPartition(self._topic, number) for number in partitions]
        self._commands.append(lambda consumer: _quietly_pause(consumer.pause, places))

    def resume(self, partitions: Iterable[int]) -> None:
        """Fetch these (again)."""
        places = [TopicPartition(self._topic, number) for number in partitions]
        self._commands.append(lambda consumer: _quietly_pause(consumer.resume, places))

    async def high_watermark(self, partition: int) -> int:
        """Ask the broker for the log's high watermark.

        Raises:
            BrokerError: it does not say.
        """
        place = TopicPartition(self._topic, partition)
        answer: asyncio.Future[int] = self._loop.create_future()

        def ask(consumer: Consumer) -> None:
            try:
                _, high = consumer.get_watermark_offsets(place, timeout=REACH_S)
            except KafkaException as failure:
                self._tell(answer.set_exception, self._connection.error(failure))
            else:
                self._tell(answer.set_result, high)

        self._commands.append(ask)
        return await asyncio.shield(answer)

    async def rows(
        self, partition: int, start: int = 0, end: int | None = None
    ) -> AsyncIterator[Sequence[tuple[bytes, bytes | None, int]]]:
        """Read stored rows in chunks, with a consumer of its own."""
        async with self._loading:
            async for chunk in stored_rows(self._connection, (self._table, partition), start, end):
                yield chunk

    async def close(self) -> None:
        """Flush, leave the group, end the threads."""
        self._prompt.flush(10)
        self._bulk.flush(10)
        self._closing.set()
        for thread in self._threads:
            await asyncio.to_thread(thread.join, REVOKE_S)


def _quietly(commit: Callable[..., object], places: list[TopicPartition]) -> None:
    """Commit; a position that is not stored is only read again."""
    try:
        commit(offsets=places, asynchronous=True)
    except KafkaException:
        return


def _quietly_pause(change: Callable[..., object], places: list[TopicPartition]) -> None:
    """Pause or resume; a partition that was taken away meanwhile needs neither."""
    try:
        change(places)
    except KafkaException:
        return
