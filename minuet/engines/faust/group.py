"""The group as Faust is in it: positions, membership, and how long this process stood still.

Faust would commit what its streams acknowledged, also beyond a record that is not done, and would
crash at a commit that is refused. Here a position is committed when the loop says so, through the
consumer below Faust; what is refused is tried again.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar, cast

import aiokafka
import faust
from aiokafka import errors
from aiokafka.consumer.group_coordinator import OffsetCommitRequest
from confluent_kafka import TopicPartition
from faust.exceptions import ConsumerNotStarted
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer
from faust.types import TP

from minuet.engines.log import Position, Sink
from minuet.engines.native_positions import standing
from minuet.engines.silence import Silence
from minuet.errors import BrokerError
from minuet.kafka.connection import Connection
from minuet.kafka.groups import is_listed
from minuet.kafka.patience import AWAY_S, patiently

T = TypeVar("T")

TURN_S = 0.1  # of the thread that notices standing still
_OUT: int = OffsetCommitRequest.DEFAULT_GENERATION_ID
AGAIN_S = 0.1  # after a commit that was refused


class Group:
    """One member of a consumer group.

    Args:
        app: whose consumer is the member.
        connection: where Kafka is.
        topic: the log.
        reads_from: the group whose commits say where reading begins.
    """

    silence: Silence

    def __init__(self, app: faust.App, connection: Connection, topic: str, reads_from: str) -> None:
        self._app = app
        self._connection = connection
        self._topic = topic
        self._reads_from = reads_from
        self._wanted: dict[int, int] = {}
        self._committing: asyncio.Task[None] | None = None
        self._ends = threading.Event()

    def start(self, sink: Sink) -> None:
        """Tell this sink of commits that failed."""
        self._sink = sink
        self.silence = Silence(float(self._app.conf.broker_session_timeout))
        threading.Thread(target=self._turn, name="minuet-turns", daemon=True).start()

    def stop(self) -> None:
        """End the thread."""
        self._ends.set()

    def _turn(self) -> None:
        while not self._ends.wait(TURN_S):
            self.silence.turn()

    # -- the consumer, which lives on a thread of its own ------------------------------------------

    @property
    def _thread(self) -> AIOKafkaConsumerThread:
        return cast(Consumer, self._app.consumer)._thread

    @property
    def _consumer(self) -> aiokafka.AIOKafkaConsumer:
        return self._thread._ensure_consumer()

    async def _ask(self, question: Coroutine[Any, Any, T]) -> T:
        there = self._thread.thread_loop
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(question, there))

    @property
    def is_out(self) -> bool:
        """Whether the group has told this member that it is none: others may own its partitions."""
        generation: int = self._consumer._coordinator.generation
        return generation == _OUT

    async def is_member(self) -> bool:
        """Ask the group's coordinator whether it still has this member.

        Raises:
            BrokerError: it does not say.
        """
        name, silences = self._consumer._coordinator.member_id, self.silence.turn()
        there = await asyncio.to_thread(is_listed, self._connection, self._app.conf.id, name)
        if there:
            self.silence.over(silences)
        return there

    async def high_watermark(self, partition: int) -> int:
        """Ask the broker for the log's high watermark.

        Raises:
            BrokerError: it does not say.
        """
        place = aiokafka.TopicPartition(self._topic, partition)
        try:
            found = await self._ask(self._consumer.end_offsets([place]))
        except (errors.KafkaError, ConsumerNotStarted) as failure:
            message = f"{self._connection.name}: topic {self._topic}: {failure or type(failure)}"
            raise BrokerError(message) from failure
        high: int = found[place]
        return high

    # -- positions ---------------------------------------------------------------------------------

    async def begin(self, numbers: Sequence[int]) -> dict[int, Position]:
        """Return where these partitions stand, and have Faust read from there.

        Raises:
            KafkaException: there is no answer, or a refusal.
        """
        places = [TopicPartition(self._topic, number) for number in numbers]
        positions = await asyncio.to_thread(
            patiently, lambda: self._standing(places), AWAY_S, self._ends.is_set
        )
        self._wanted.clear()
        await self._store({number: at.start for number, at in positions.items()})
        return positions

    def _standing(self, places: Sequence[TopicPartition]) -> dict[int, Position]:
        beside = self._connection.consumer()
        try:
            return standing(self._connection, self._reads_from, places, beside)
        finally:
            beside.close()

    async def seek(self, offsets: Mapping[int, int]) -> None:
        """Have Faust read on from these offsets; a partition that is gone needs it no more."""
        for number, offset in offsets.items():
            with suppress(errors.IllegalStateError, ConsumerNotStarted):
                await self._ask(self._seek(TP(self._topic, number), offset))

    async def _seek(self, place: TP, offset: int) -> None:
        self._consumer.seek(aiokafka.TopicPartition(*place), offset)
        cast(Consumer, self._app.consumer)._read_offset[place] = offset or None

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Commit positions; the answer is not waited for."""
        self._wanted.update(offsets)
        if self._committing is None:
            self._committing = asyncio.get_running_loop().create_task(self._commit())

    async def committed(self) -> None:
        """Wait until what was to be committed is, or was refused."""
        if self._committing is not None:
            await asyncio.wait([self._committing])

    async def _commit(self) -> None:
        try:
            while self._wanted:
                offsets, self._wanted = self._wanted, {}
                if not await self._store(offsets):
                    await asyncio.sleep(AGAIN_S)
                    self._sink.uncommitted(list(offsets))
        finally:
            self._committing = None

    async def _store(self, offsets: Mapping[int, int]) -> bool:
        """Commit, and return whether that is done."""
        places = {aiokafka.TopicPartition(self._topic, n): at for n, at in offsets.items()}
        if not places:
            return True
        try:
            await self._ask(self._consumer.commit(places))
        except errors.GroupAuthorizationFailedError as refusal:
            self._sink.broken(BrokerError(f"group {self._app.conf.id}: {refusal or 'no right'}"))
        except (errors.KafkaError, ConsumerNotStarted, RuntimeError):
            return False
        return True
