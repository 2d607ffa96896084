"""Wake-up calls read from the delay topics of a real Kafka, each when its time has come.

All records of a delay topic wait equally long, so the first one is always the next that is due:
until then its partition is paused. What is lost here, or comes twice, changes nothing: the state
says what is due.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from minuet.engines.log import Sink
from minuet.kafka.connection import REACH_S, Connection

POLL_S = 0.2
AGAIN_S = 2.0  # after the broker did not say where to begin

_LOG = logging.getLogger("minuet.worker")
_CONSUMER = {"fetch.wait.max.ms": 500, "queued.max.messages.kbytes": 1_024}

Place = tuple[str, int]


class CallReader:
    """Reads delay topics on a thread of its own, from the first partition on.

    Args:
        connection: where Kafka is.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._commands: deque[Callable[[Consumer], None]] = deque()
        self._wanted: set[Place] = set()
        self._delays: dict[Place, int] = {}  # of those that are read
        self._due: list[tuple[float, Place]] = []
        self._ends = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, sink: Sink) -> None:
        """Tell this sink of calls, on the thread of the loop of now."""
        self._sink = sink
        self._loop = asyncio.get_running_loop()

    def follow(self, partition: int, delays: Mapping[str, int]) -> None:
        """Read a partition of these topics, from the first call that may be due yet."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="minuet-calls", daemon=True)
            self._thread.start()
        for topic, delay_ms in delays.items():
            place = (topic, partition)
            self._commands.append(partial(self._want, place=place, delay_ms=delay_ms))

    def unfollow(self, partition: int) -> None:
        """Read a partition no more."""
        self._commands.append(lambda consumer: self._end(consumer, partition))

    async def stop(self) -> None:
        """End the thread."""
        self._ends.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, REACH_S)

    # -- on the thread -----------------------------------------------------------------------------

    def _run(self) -> None:
        consumer = self._connection.consumer(**_CONSUMER)
        try:
            while not self._ends.is_set():
                self._turn(consumer)
        except Exception:  # calls are only a help: without them, looks through the table do it
            _LOG.exception("the delay topics are read no more by this worker")
        finally:
            consumer.close()

    def _turn(self, consumer: Consumer) -> None:
        while self._commands and not self._ends.is_set():
            self._commands.popleft()(consumer)  # to find where to begin takes half a second of each
        now = time.time()
        while self._due and self._due[0][0] <= now:
            _, place = heapq.heappop(self._due)
            if place in self._delays:
                consumer.resume([TopicPartition(*place)])
        if not self._delays:
            self._ends.wait(POLL_S)
            return
        message = consumer.poll(POLL_S)
        if message is not None and message.error() is None:
            self._take(consumer, message)

    def _take(self, consumer: Consumer, message: Message) -> None:
        place = (message.topic() or "", message.partition() or 0)
        due = (message.timestamp()[1] + self._delays.get(place, 0)) / 1000
        if due > time.time():
            consumer.pause([TopicPartition(*place)])
            consumer.seek(TopicPartition(*place, message.offset() or 0))
            heapq.heappush(self._due, (due, place))
            return
        key = (message.key() or b"").decode(errors="replace")
        self._loop.call_soon_threadsafe(self._sink.called, place[1], key)

    def _want(self, consumer: Consumer, place: Place, delay_ms: int) -> None:
        self._wanted.add(place)
        self._begin(consumer, place, delay_ms)

    def _begin(self, consumer: Consumer, place: Place, delay_ms: int) -> None:
        if place not in self._wanted or place in self._delays:
            return  # asked again, of a partition that was given away, or came back, meanwhile
        since = int(time.time() * 1000) - delay_ms
        try:
            [found] = consumer.offsets_for_times([TopicPartition(*place, since)], timeout=REACH_S)
            if found.error is not None:
                raise KafkaException(found.error)
            if found.offset < 0:  # none so young: from the end on
                _, end = consumer.get_watermark_offsets(TopicPartition(*place), timeout=REACH_S)
                found.offset = end
        except KafkaException as failure:
            _LOG.info("%s/%s: %s; asked again soon", *place, failure)
            self._later(place, delay_ms)
            return
        self._delays[place] = delay_ms
        consumer.incremental_assign([TopicPartition(*place, found.offset)])

    def _later(self, place: Place, delay_ms: int) -> None:
        begin = partial(self._begin, place=place, delay_ms=delay_ms)
        again = threading.Timer(AGAIN_S, self._commands.append, [begin])
        again.daemon = True
        again.start()

    def _end(self, consumer: Consumer, partition: int) -> None:
        self._wanted = {place for place in self._wanted if place[1] != partition}
        gone = [place for place in self._delays if place[1] == partition]
        for place in gone:
            del self._delays[place]
        if gone:
            consumer.incremental_unassign([TopicPartition(*place) for place in gone])
