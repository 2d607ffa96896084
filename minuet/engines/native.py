"""The log on a real Kafka: librdkafka behind the seam.

Reading is a thread of its own (`native_member`). Another thread keeps a beat at which the loop
serves delivery reports.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import suppress

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from minuet.engines.log import Append, Sink, Unreadable
from minuet.engines.native_calls import CallReader
from minuet.engines.native_member import LEAVE_S, Member
from minuet.engines.native_reading import in_turn, stored_records, stored_rows
from minuet.engines.native_records import raw
from minuet.event.record import Record
from minuet.kafka.connection import Connection
from minuet.kafka.patience import FORBIDDEN
from minuet.kafka.picking import pick
from minuet.kafka.reasons import describe

BEAT_S = 0.000_3  # how long an ack may have to wait when the loop is idle
PROMPT_MOST = 4  # while no more are on their way, each record goes out at once; else in bulk
BULK_LINGER_MS = 5  # sending each at once cost 8 us and a wake-up per record, in bulk it is 3 us
LOADING_MOST = 2  # partitions whose rows are read at once; more only takes more memory
FLUSH_S = 10.0  # for what has been handed over when the log is closed
GONE_S = 2.0  # for leaving a group whose broker does not answer; the session ends by itself
LOOK_S = 0.005  # between two looks whether it is all acked

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
        place: what a member started again is known by (`group.instance.id`); empty for none.
    """

    def __init__(  # noqa: PLR0913  (each names another thing in Kafka)
        self, connection: Connection, topic: str, table: str, *,
        group: str, reads_from: str, client_id: str, place: str = "",
    ) -> None:  # fmt: skip
        self._connection = connection
        self._topic, self._table = topic, table
        own = {"group.id": group, "client.id": client_id}
        own |= {"group.instance.id": place} if place else {}
        self._member = Member(connection, topic, reads_from, own)
        self._calls = CallReader(connection)
        self._prompt = connection.producer(**_PRODUCER)
        self._bulk = connection.producer(**_PRODUCER, **{"linger.ms": BULK_LINGER_MS})
        self._alone: Producer | None = None  # made when it is needed: hardly ever
        self._unacked = 0
        self._loading = asyncio.Semaphore(LOADING_MOST)
        self._acks: list[tuple[Append, int, KafkaError | None]] = []
        self._full: deque[Append] = deque()
        self._awaited = threading.Event()
        self._awaits = False
        self._beaten = False
        self._ends = threading.Event()
        self._beating = threading.Thread(target=self._beat, name="minuet-acks", daemon=True)

    async def open(self, sink: Sink) -> None:
        """Join the group and begin to read."""
        self._sink = sink
        self._loop = asyncio.get_running_loop()
        self._beating.start()
        self._calls.start(sink)
        self._member.start(sink)

    # -- writing ---------------------------------------------------------------------------------

    def append(self, append: Append) -> None:
        """Hand a record to the producer; when its queue is full, keep it until there is room."""
        if self._full or not self._produce(append):
            self._full.append(append)

    def _produce(self, append: Append) -> bool:
        def delivered(error: KafkaError | None, message: Message) -> None:
            self._acks.append((append, message.offset() or 0, error))

        try:
            self._producer_of(append).produce(
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

    def _producer_of(self, append: Append) -> Producer:
        if append.alone:
            if self._alone is None:
                self._alone = self._connection.producer(**_PRODUCER, **{"batch.num.messages": 1})
            return self._alone
        in_bulk = self._unacked > PROMPT_MOST or append.topic == self._table
        return self._bulk if in_bulk else self._prompt

    def _beat(self) -> None:
        """Have delivery reports served while some are awaited.

        They are served on the loop's thread: a report served here would have to wait for the GIL,
        one by one, whenever the loop is busy. This thread only keeps the beat.
        """
        while not self._ends.is_set():
            self._awaited.wait()
            time.sleep(BEAT_S)
            if not self._beaten and not self._ends.is_set():
                self._beaten = True
                self._loop.call_soon_threadsafe(self._serve_acks)

    def _serve_acks(self) -> None:
        self._beaten = False
        self._prompt.poll(0)
        self._bulk.poll(0)
        if self._alone is not None:
            self._alone.poll(0)
        acks, self._acks = self._acks, []
        self._acked(acks)
        if not self._acks and not self._unacked:
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
        elif error.code() in FORBIDDEN:
            self._sink.broken(self._connection.error(error, f"topic {append.topic}"))
        elif error.code() == KafkaError.MSG_SIZE_TOO_LARGE and not append.alone:
            append.alone = True  # perhaps only all of them together were: each is asked by itself
            self.append(append)
        else:
            self._sink.failed(append, describe(error), final=error.code() in _REFUSED)

    # -- what the loop asks for ------------------------------------------------------------------

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Commit positions; the answer is not waited for."""
        self._member.commit(offsets)

    def pause(self, partitions: Iterable[int]) -> None:
        """Fetch no more of these for now."""
        self._member.pause(partitions)

    def resume(self, partitions: Iterable[int]) -> None:
        """Fetch these (again)."""
        self._member.resume(partitions)

    def follow(self, partition: int, delays: Mapping[str, int]) -> None:
        """Follow delay topics."""
        self._calls.follow(partition, delays)

    def unfollow(self, partition: int) -> None:
        """Follow them no more."""
        self._calls.unfollow(partition)

    async def high_watermark(self, partition: int) -> int:
        """Ask the broker for the log's high watermark.

        Raises:
            BrokerError: it does not say.
        """
        return await self._member.high_watermark(partition)

    async def is_member(self) -> bool:
        """Ask the group's coordinator whether it still has this member.

        Raises:
            BrokerError: it does not say.
        """
        return await self._member.is_member()

    def was_silent(self) -> bool:
        """Whether this process stood still for too long, and the group was not asked since."""
        return self._member.silence.lasts

    async def known_highs(self, partitions: Iterable[int]) -> dict[int, int]:
        """Return the log's high watermarks as the last fetches told them."""
        return await self._member.known_highs(partitions)

    def rows(
        self, partition: int, start: int = 0, end: int | None = None
    ) -> AsyncIterator[Sequence[tuple[bytes, bytes | None, int]]]:
        """Read stored rows in chunks, with a consumer of its own."""
        place = (self._table, partition)
        return in_turn(self._loading, stored_rows(self._connection, place, start, end))

    def history(
        self, partition: int, start: int, end: int
    ) -> AsyncIterator[Sequence[Record | Unreadable]]:
        """Read the log in chunks, with a consumer of its own."""
        return stored_records(self._connection, (self._topic, partition), start, end)

    async def records(self, partition: int, offsets: Sequence[int]) -> Mapping[int, Unreadable]:
        """Read single records of the log, with a consumer of its own.

        Raises:
            BrokerError: the broker does not say.
        """
        places = [(partition, offset) for offset in offsets]
        try:
            found = await asyncio.to_thread(pick, self._connection, self._topic, places)
        except KafkaException as failure:
            raise self._connection.error(failure) from failure
        return {offset: raw(message) for (_, offset), message in found.items()}

    async def close(self) -> None:
        """Flush, leave the group, end the threads.

        All that time the beat goes on: leaving the group asks for a last checkpoint, which waits
        for its acks. With a broker that is gone nobody can take leave, and it is not tried long.
        """
        answers = await self._flushed()
        await asyncio.gather(
            self._member.stop(LEAVE_S if answers else GONE_S), self._calls.stop()
        )  # side by side: until this member has left, nobody works on its partitions
        if answers:
            await self._flushed()
        self._ends.set()
        self._awaited.set()
        if self._beating.is_alive():
            await asyncio.to_thread(self._beating.join)

    async def _flushed(self) -> bool:
        """Wait for acks, which the loop serves meanwhile; a flush would serve them elsewhere.

        Returns whether all have come.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_S):
                while self._unacked or self._full:
                    await asyncio.sleep(LOOK_S)
        return not self._unacked and not self._full
