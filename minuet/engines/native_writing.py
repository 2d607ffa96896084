"""Writing to Kafka, each record acknowledged by itself: what a worker does unless it is told else.

The librdkafka producers have threads of their own; one more keeps a beat at which the loop serves
delivery reports.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Sequence

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from minuet.engines.log import Append, Sink
from minuet.kafka.connection import Connection
from minuet.kafka.patience import FORBIDDEN
from minuet.kafka.reasons import WRITE, describe

BEAT_S = 0.000_3  # how long an ack may have to wait when the loop is idle
PROMPT_MOST = 4  # while no more are on their way, each record goes out at once; else in bulk
BULK_LINGER_MS = 5  # sending each at once cost 8 us and a wake-up per record, in bulk it is 3 us

_PRODUCER = {
    "queue.buffering.max.messages": 200_000,
    "message.timeout.ms": 30_000,
    "socket.nagle.disable": True,
}
# The record itself is refused. librdkafka marks no delivery report as retriable, and tries again by
# itself what may pass; so whatever is not named here may pass, or may even have been written.
REFUSED = frozenset(
    {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.INVALID_MSG_SIZE,
        KafkaError.INVALID_RECORD,
        KafkaError.INVALID_TIMESTAMP,
        KafkaError.UNSUPPORTED_FOR_MESSAGE_FORMAT,
        KafkaError._INVALID_ARG,
    }
)


class Writer:
    """Writes each append as soon as it comes, in the order of its partition.

    Args:
        connection: where Kafka is.
        log: the topic of events.
        table: the topic of rows, which are written in bulk.
    """

    def __init__(self, connection: Connection, log: str, table: str) -> None:
        self._connection = connection
        self._log = log
        self._table = table
        self._prompt = connection.producer(**_PRODUCER)
        self._bulk = connection.producer(**_PRODUCER, **{"linger.ms": BULK_LINGER_MS})
        self._alone: Producer | None = None  # made when it is needed: hardly ever
        self._unacked = 0
        self._acks: list[tuple[Append, int, KafkaError | None]] = []
        self._full: deque[Append] = deque()
        self._awaited = threading.Event()
        self._awaits = False
        self._beaten = False
        self._ends = threading.Event()
        self._beating = threading.Thread(target=self._beat, name="minuet-acks", daemon=True)

    def start(self, sink: Sink) -> None:
        """Tell this sink what cannot be written, on the thread of the loop of now."""
        self._sink = sink
        self._loop = asyncio.get_running_loop()
        self._beating.start()

    @property
    def idle(self) -> bool:
        """Whether all that was handed over has been acked, or told to have failed."""
        return not self._unacked and not self._full

    async def stop(self) -> None:
        """End the thread."""
        self._ends.set()
        self._awaited.set()
        if self._beating.is_alive():
            await asyncio.to_thread(self._beating.join)

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
        for producer in (self._prompt, self._bulk, self._alone):
            if producer is not None:
                self._poll(producer)
        acks, self._acks = self._acks, []
        self._acked(acks)
        if not self._acks and not self._unacked:
            self._awaits = False
            self._awaited.clear()

    def _poll(self, producer: Producer) -> None:
        try:
            producer.poll(0)
        except KafkaException as failure:  # it writes no more: there is no topic that it may
            about = f"topic {self._log}"
            self._sink.broken(self._connection.error(failure, about, WRITE))

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
        is_lasting = error.code() == KafkaError._FATAL or error.code() in FORBIDDEN
        if error.fatal() or is_lasting:  # this producer writes no more
            self._sink.broken(self._connection.error(error, f"topic {append.topic}", WRITE))
        elif error.code() == KafkaError.MSG_SIZE_TOO_LARGE and not append.alone:
            append.alone = True  # perhaps only all of them together were: each is asked by itself
            self.append(append)
        else:
            self._sink.failed(append, describe(error), final=error.code() in REFUSED)
