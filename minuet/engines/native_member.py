"""A member of a consumer group: one thread waits for the consumer, and alone touches it.

So the loop's thread never waits: what is read is handed over in batches, and what the loop wants of
the consumer is queued and done between two polls.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    TopicPartition,
)

from minuet.engines.errands import Errands
from minuet.engines.holding import Holding
from minuet.engines.log import Position, Sink
from minuet.engines.native_positions import standing, standing_with_open
from minuet.engines.native_reading import Lead
from minuet.engines.native_records import Read, by_partition
from minuet.engines.native_refusals import Refusals
from minuet.engines.silence import Silence
from minuet.errors import BrokerError
from minuet.kafka.connection import REACH_S, Connection
from minuet.kafka.groups import is_listed
from minuet.kafka.membership import Membership
from minuet.kafka.patience import AWAY_S, patiently

_LOG = logging.getLogger("minuet.worker")

SESSION_S = 6.0  # of silence, after which others take over
POLL_S = 0.02  # how long a command for the consumer may have to wait when nothing is read
BATCH = 1_000
REVOKE_S = 20.0  # for the last checkpoint of a partition that is given back
LEAVE_S = REVOKE_S + 5.0  # and the rest of leaving a group
WAIT_S = 0.1  # for a loop that is far behind; then a poll, which serves rebalances
SLICE_S = 0.003  # how long a command may have to wait meanwhile

_CONSUMER = {
    "auto.offset.reset": "error",
    "enable.partition.eof": True,
    "partition.assignment.strategy": "cooperative-sticky",
    "session.timeout.ms": int(SESSION_S * 1000),
    "heartbeat.interval.ms": 500,  # what others hear of a rebalance by: two of them move partitions
    "fetch.wait.max.ms": 100,
    "queued.max.messages.kbytes": 16_384,
    "fetch.queue.backoff.ms": 5,
    "topic.metadata.refresh.interval.ms": 10_000,  # so soon a log that was deleted is noticed
    "socket.nagle.disable": True,
}


class Member:
    """Reads a log as one of a group, and tells a sink.

    Args:
        connection: where Kafka is.
        topic: the log.
        reads_from: the group whose commits say where reading begins.
        own: the consumer's settings that say which group it joins, and as whom.
        holding: told of partitions before the sink is; None for nobody.
    """

    def __init__(
        self, connection: Connection, topic: str, reads_from: str, own: Mapping[str, str],
        holding: Holding | None = None,
    ) -> None:  # fmt: skip
        self._connection = connection
        self._topic = topic
        self._reads_from = reads_from
        self._group = own["group.id"]
        self._holding = holding
        self._refusals = Refusals(connection)
        self._membership = Membership(connection, self._group, own.get("group.instance.id", ""))
        settings = {**_CONSUMER, **own, "on_commit": self._on_commit}
        self._consumer: Consumer = connection.member(self._refusals.heard, settings)
        self._errands = Errands()
        self._lead = Lead()
        self.silence = Silence(SESSION_S)
        self._ends = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="minuet-read", daemon=True)

    def start(self, sink: Sink) -> None:
        """Join the group and begin to read; the sink is told on the thread of the loop of now."""
        self._sink = sink
        self._loop = asyncio.get_running_loop()
        self._subscribe(self._consumer)
        self._thread.start()

    def _subscribe(self, consumer: Consumer) -> None:
        consumer.subscribe(
            [self._topic],
            on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost,
        )  # fmt: skip

    async def stop(self, patience_s: float = LEAVE_S) -> None:
        """Leave the group, which gives back what is assigned, and end the thread."""
        self._ends.set()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, patience_s)

    # -- reading ---------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._ends.is_set():
                self._read()
            self._errands.run(self._consumer)
        except KafkaException as failure:
            if not self._ends.is_set():
                error = self._error(failure.args[0], self._reads_from, "Describe")
                self._tell(self._sink.broken, error)
        except Exception as error:  # a thread must not end in silence
            self._tell(self._sink.broken, error)
        finally:
            self._leave()

    def _read(self) -> None:
        self.silence.turn()
        self._errands.run(self._consumer)
        held_back = self._held_back()
        messages = [first] if (first := self._consumer.poll(POLL_S)) is not None else []
        if self._failure is not None:
            raise self._failure
        self._refusals.check()
        self._membership.check(self._consumer)
        if self._holding is not None:
            self._holding.heed(self._consumer)
        if messages and not held_back:  # what else is there, without waiting
            messages += self._consumer.consume(BATCH - 1, 0)
        for partition, read in by_partition(messages).items():
            self._lead.handed_over(read.items, read.size)
            self._tell(self._deliver, partition, read)

    def _held_back(self) -> bool:
        """Wait a little for a loop that is far behind, and say whether it still is.

        To pause the partitions instead would throw away what is fetched, and resuming takes up to a
        second. The poll that follows serves rebalances, at the price of one record more.
        """
        until = time.monotonic() + WAIT_S
        while (far := self._lead.is_far()) and time.monotonic() < until:
            if self._ends.wait(SLICE_S):
                break
            self._errands.run(self._consumer)
        return far

    def _leave(self) -> None:
        """Leave the group, or its partitions would wait for the session to time out.

        By closing a member whose place has a name does not leave (KIP-345), since somebody may be
        about to take it over; by giving up what it subscribed to it does.
        """
        try:
            self._give_up()
        finally:
            self._consumer.close()

    def _give_up(self) -> None:
        """Be without any partition; what a poll brings meanwhile is read again by who has it."""
        self._consumer.unsubscribe()
        until = time.monotonic() + REVOKE_S  # less than `stop` waits for all of it
        while self._consumer.assignment() and time.monotonic() < until:
            self._consumer.poll(POLL_S)  # gives back what is assigned

    def _error(self, error: KafkaError, group: str, right: str) -> BrokerError:
        """The error in plain words; of a group that may not be used, with the right to it."""
        if error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
            return self._connection.error(error, f"group {group}", right)
        return self._connection.error(error, f"topic {self._topic}", "Read")

    def _deliver(self, partition: int, read: Read) -> None:
        self._lead.delivered(read.items, read.size)
        if read.error is not None:
            self._sink.broken(self._error(read.error, self._group, "Read"))
            return
        if read.records:
            self._sink.read(partition, read.records)
        if read.end >= 0:
            self._sink.reached(partition, read.end)

    def _tell(self, told: Callable[..., None], *arguments: Any) -> None:
        if not self._loop.is_closed():  # else nobody hears any more: the thread outlived it
            self._loop.call_soon_threadsafe(told, *arguments)

    # -- the group (these run on the reading thread, inside a poll) -------------------------------

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        try:
            if self._holding is not None:
                self._holding.heed(consumer)
                self._holding.take_over(consumer, [p.partition for p in partitions])
            positions = patiently(
                lambda: self._standing(consumer, partitions), AWAY_S, self._ends.is_set
            )
        except (KafkaException, BrokerError) as failure:
            self._failure = failure  # out of a callback it would come as what none can catch
            return
        starts = [TopicPartition(self._topic, n, at.start) for n, at in positions.items()]
        consumer.incremental_assign(starts)
        self._tell(self._sink.assigned, positions)

    def _standing(
        self, consumer: Consumer, partitions: list[TopicPartition]
    ) -> dict[int, Position]:
        places = [TopicPartition(p.topic, p.partition) for p in partitions]
        if self._holding is None:
            return standing(self._connection, self._reads_from, places, consumer)
        return standing_with_open(self._connection, self._reads_from, places)

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        numbers = [p.partition for p in partitions]
        if self._holding is not None:
            self._holding.heed(consumer)
        given_back = asyncio.run_coroutine_threadsafe(self._give_back(numbers), self._loop)
        try:
            given_back.result(REVOKE_S)
        except TimeoutError:
            self._tell(self._sink.lost, numbers)
        if self._holding is not None:
            self._holding.give_back(numbers)
        self._errands.run(self._consumer)
        consumer.incremental_unassign(partitions)

    async def _give_back(self, numbers: list[int]) -> None:
        await self._sink.revoked(numbers)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        numbers = [p.partition for p in partitions]
        if self._holding is not None:
            self._holding.lose(numbers)
        self._tell(self._sink.lost, numbers)
        consumer.incremental_unassign(partitions)

    def _on_commit(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        """Tell of positions that were not stored, as while the broker is down."""
        numbers = [p.partition for p in partitions if error is not None or p.error is not None]
        if numbers:
            self._tell(self._sink.uncommitted, numbers)

    # -- what the loop asks for ------------------------------------------------------------------

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Commit positions; the answer is not waited for, `uncommitted` tells of a refusal."""
        places = [TopicPartition(self._topic, n, offset) for n, offset in offsets.items()]

        def store(consumer: Consumer) -> None:
            try:
                consumer.commit(offsets=places, asynchronous=True)
            except KafkaException:
                self._tell(self._sink.uncommitted, list(offsets))

        self._errands.add(store)

    def rejoin(self, partition: int) -> None:
        """Have the group say anew who has what, if this is still ours for all we know."""

        def again(consumer: Consumer) -> None:
            if partition in [place.partition for place in consumer.assignment()]:
                self._give_up()
                self._subscribe(consumer)

        self._errands.add(again)

    def pause(self, partitions: Iterable[int]) -> None:
        """Fetch no more of these for now."""
        places = [TopicPartition(self._topic, number) for number in partitions]
        self._errands.add(lambda consumer: _quietly_pause(consumer.pause, places))

    def resume(self, partitions: Iterable[int]) -> None:
        """Fetch these (again)."""
        places = [TopicPartition(self._topic, number) for number in partitions]
        self._errands.add(lambda consumer: _quietly_pause(consumer.resume, places))

    async def high_watermark(self, partition: int) -> int:
        """Ask the broker for the log's high watermark.

        Raises:
            BrokerError: it does not say.
        """
        place = TopicPartition(self._topic, partition)
        try:
            _, high = await self._errands.ask(
                lambda consumer: consumer.get_watermark_offsets(place, timeout=REACH_S)
            )
        except KafkaException as failure:
            about = f"topic {self._topic}"
            raise self._connection.error(failure, about, "Describe") from failure
        return high

    async def is_member(self) -> bool:
        """Ask the group's coordinator whether it still has this member.

        Raises:
            BrokerError: it does not say.
        """
        name, silences = await self._errands.ask(
            lambda consumer: (consumer.memberid() or "", self.silence.turn())
        )  # first: who is lost and joins anew has another name
        there = await asyncio.to_thread(is_listed, self._connection, self._group, name)
        if there:
            self.silence.over(silences)
        return there

    async def known_highs(self, partitions: Iterable[int]) -> dict[int, int]:
        """Return the log's high watermarks as the last fetches told them; asks nobody."""
        places = [TopicPartition(self._topic, number) for number in partitions]

        def look(consumer: Consumer) -> dict[int, int]:
            asked = ((p.partition, consumer.get_watermark_offsets(p, cached=True)) for p in places)
            return {number: known[1] for number, known in asked if known and known[1] >= 0}

        return await self._errands.ask(look)


def _quietly_pause(change: Callable[..., object], places: list[TopicPartition]) -> None:
    """Pause or resume; a partition that was taken away meanwhile needs neither."""
    try:
        change(places)
    except KafkaException:
        return
