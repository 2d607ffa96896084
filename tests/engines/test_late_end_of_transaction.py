"""The end of a transaction that comes late, when the next one is open.

A client that got no answer sends EndTxn again; the first one may still be on its way, and Kafka
cannot tell it from the end of the next transaction (librdkafka has no client side of KIP-890). The
first three tests say what becomes of a plain client, so that it is seen when that changes; the
others do the same to a worker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast
from uuid import uuid4

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import NewTopic

from minuet.engines.log import Log
from minuet.engines.native import KafkaLog
from minuet.event.record import Record
from minuet.kafka.connection import Connection
from minuet.kafka.offsets import committed
from minuet.kafka.reading import snapshot
from tests.engines.native_world import NativeWorld
from tests.engines.raw_transactions import Coordinator, Standing
from tests.engines.test_contract_edges import stored
from tests.engines.world import OPTIONS

pytestmark = pytest.mark.kafka

SAGAS = [f"trip-{n}" for n in range(12)]
HITS = 3


class Plain:
    """A client of transactions as anybody writes it, and its topic."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.coordinator = Coordinator(connection)
        self.topic = self.name = f"plain-{uuid4().hex[:8]}"
        admin = self.connection.admin()
        [made] = admin.create_topics([NewTopic(self.topic, 1, 1)]).values()
        made.result(10)
        self.producer = self.named()

    def named(self) -> Producer:
        producer = self.connection.transactional(self.name, lambda _: None, {})
        producer.init_transactions(10)
        return producer

    def say(self, value: str) -> None:
        self.producer.produce(self.topic, value, partition=0)
        assert self.producer.flush(10) == 0

    def offset(self, position: int) -> None:
        consumer = self.connection.consumer(**{"group.id": self.name})
        group = consumer.consumer_group_metadata()
        place = TopicPartition(self.topic, 0, position)
        self.producer.send_offsets_to_transaction([place], group, 10)
        consumer.close()

    def seen(self) -> list[str]:
        return [(m.value() or b"").decode() for m in snapshot(self.connection, self.topic)]


@pytest.fixture
def plain(kafka: Connection) -> Plain:
    return Plain(kafka)


def test_of_a_plain_client_a_late_commit_makes_half_a_transaction_count(plain: Plain) -> None:
    plain.producer.begin_transaction()
    plain.say("t1")
    plain.producer.commit_transaction(10)
    first = plain.coordinator.standing(plain.name)
    plain.producer.begin_transaction()
    plain.say("t2-a")
    assert plain.coordinator.end(plain.name, first, commit=True) == 0
    plain.producer.produce(plain.topic, "t2-b", partition=0)
    plain.producer.flush(10)
    with pytest.raises(KafkaException) as refused:
        plain.producer.abort_transaction(10)
    assert refused.value.args[0].fatal()
    assert plain.seen() == ["t1", "t2-a"]  # which was aborted, for all that the client can know


def test_of_a_plain_client_a_late_abort_loses_what_was_committed(plain: Plain) -> None:
    plain.producer.begin_transaction()
    plain.say("x1")
    plain.producer.abort_transaction(10)
    first = plain.coordinator.standing(plain.name)
    plain.producer.begin_transaction()
    plain.say("x2")
    assert plain.coordinator.end(plain.name, first, commit=False) == 0
    plain.offset(42)
    plain.producer.commit_transaction(10)  # nothing is wrong
    assert plain.seen() == []
    assert committed(plain.connection, plain.name, plain.topic) == {0: 42}


@pytest.mark.parametrize("commit", [True, False])
def test_a_producer_that_was_replaced_is_not_hit(plain: Plain, commit: bool) -> None:
    plain.producer.begin_transaction()
    plain.say("y1")
    plain.producer.commit_transaction(10)
    first = plain.coordinator.standing(plain.name)
    plain.producer = plain.named()
    plain.producer.begin_transaction()
    plain.say("y2")
    late = plain.coordinator.end(plain.name, first, commit=commit)
    assert late in (KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED)
    plain.offset(43)
    plain.producer.commit_transaction(10)
    assert plain.seen() == ["y1", "y2"]
    assert committed(plain.connection, plain.name, plain.topic) == {0: 43}


# -- a worker --------------------------------------------------------------------------------------


class Meddled:
    """A producer that does what it is told to, while somebody else meddles.

    Args:
        producer: that does the work.
        name: its transactional id.
        heard: as if a connection had been lost.
        world: where the meddling is written down.
    """

    def __init__(
        self, producer: Producer, name: str, heard: Callable[[KafkaError], None], world: Meddling
    ) -> None:
        self._producer, self.name, self.heard, self._world = producer, name, heard, world
        self.topics: list[str] = []  # of what was produced in this transaction
        self.hit = False  # this transaction
        self.positions = 0  # that go with it

    def __getattr__(self, name: str) -> Any:
        return getattr(self._producer, name)

    def abort_transaction(self) -> None:
        message = "a late abort is what cannot be borne: nobody may say one"
        raise AssertionError(message)

    def begin_transaction(self) -> None:
        self.topics, self.hit, self.positions = [], False, 0
        self._producer.begin_transaction()

    def send_offsets_to_transaction(self, *arguments: Any) -> None:
        self.positions += 1
        self._producer.send_offsets_to_transaction(*arguments)

    def produce(self, topic: str, *arguments: Any, **more: Any) -> None:
        self._world.amid(self, topic)
        self._producer.produce(topic, *arguments, **more)
        self.topics.append(topic)

    def commit_transaction(self) -> None:
        self._world.before_end(self)
        self._producer.commit_transaction()
        self._world.after_end(self)


class Meddling(NativeWorld):
    """A world whose transactions are meddled with, until it was done often enough."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, options=replace(OPTIONS, guarantee="transactional"))
        self.coordinator = Coordinator(connection)
        self.answers: list[int] = []  # to late ends
        self._left = iter(range(HITS))
        self.replaced: list[str] = []

    def log(self, group: str, client_id: str) -> Log:
        return KafkaLog(
            MeddledConnection(self), self.spec.log_topic, self.spec.table_topic,
            group=group, reads_from=self.spec.name, client_id=client_id, guarantee="transactional",
        )  # fmt: skip

    def takes_one(self) -> bool:
        """Whether one more is to be hit; each line asks on a thread of its own."""
        return next(self._left, None) is not None

    def late(self, producer: Meddled, *, commit: bool, standing: Standing | None = None) -> None:
        at = standing or self.coordinator.standing(producer.name)
        self.answers.append(self.coordinator.end(producer.name, at, commit=commit))

    def amid(self, producer: Meddled, topic: str) -> None:
        """Before a record is handed over."""

    def before_end(self, producer: Meddled) -> None:
        """Before a transaction is ended."""

    def after_end(self, producer: Meddled) -> None:
        """After a transaction was ended."""

    async def prove(self) -> list[Record]:
        """Run sagas until all is well; returns what stands on the log."""
        await self.open()
        worker = await self.start()
        await self.started(worker)
        for number in range(0, len(SAGAS), 4):
            await self.ask(*SAGAS[number : number + 4])
            await self.ended(*SAGAS[number : number + 4])
        await self.until(lambda: stored(self))
        assert await self.verify() == len(SAGAS)
        live = self.table()
        await self.stop(worker)
        again = await self.start()
        await self.started(again)
        assert self.table() == live  # and what was stored is what was known
        found = await self.history()
        for saga in SAGAS:
            state = self.state(saga)
            assert state is not None
            assert state.counts.get("strays", 0) == 0
        return found


class MeddledConnection(Connection):
    """A connection whose transactional producers are meddled with."""

    def __init__(self, world: Meddling) -> None:
        super().__init__(world.connection.bootstrap, world.connection.options)
        object.__setattr__(self, "_world", world)

    def transactional(self, name: str, heard: Any, over: Any) -> Producer:
        world: Meddling = getattr(self, "_world")  # noqa: B009
        world.replaced.append(name)
        producer = super().transactional(name, heard, over)
        return cast(Producer, Meddled(producer, name, heard, world))


def run(world: Meddling) -> list[Record]:
    async def main() -> list[Record]:
        try:
            return await world.prove()
        finally:
            await world.close()

    return asyncio.run(main())


def doubles(history: list[Record]) -> int:
    return len(history) - len({record.id for record in history})


def renewed(world: Meddling) -> int:
    """How often a producer took the place of another, of the second worker's own not counted."""
    return len(world.replaced) - 2 * world.spec.partitions


@pytest.mark.parametrize("commit", [True, False])
def test_an_end_right_before_our_own_changes_nothing_or_is_noticed(
    kafka: Connection, commit: bool
) -> None:
    class Before(Meddling):
        def before_end(self, producer: Meddled) -> None:
            if producer.topics and self.takes_one():
                assert producer.flush(10) == 0
                self.late(producer, commit=commit)

    world = Before(kafka)
    history = run(world)
    assert world.answers == [0] * HITS
    assert doubles(history) == 0
    assert (renewed(world) >= HITS) is not commit  # an abort is noticed at our own commit
    assert renewed(world) == (0 if commit else HITS)


def test_a_commit_amid_our_records_makes_the_first_of_them_stand_twice_at_most(
    kafka: Connection,
) -> None:
    class Amid(Meddling):
        def amid(self, producer: Meddled, topic: str) -> None:
            second = topic == self.spec.log_topic and topic in producer.topics
            if second and not producer.hit and self.takes_one():
                producer.hit = True
                assert producer.flush(10) == 0
                self.late(producer, commit=True)

    world = Amid(kafka)
    history = run(world)
    assert world.answers == [0] * HITS
    assert renewed(world) == HITS
    assert doubles(history) >= HITS


def test_who_got_no_answer_to_a_commit_is_replaced_and_its_late_end_refused(
    kafka: Connection,
) -> None:
    class Unanswered(Meddling):
        was: Meddled | None = None
        refusals: list[int] = []  # noqa: RUF012

        def after_end(self, producer: Meddled) -> None:
            if producer.topics and self.takes_one():
                self.before = self.coordinator.standing(producer.name)
                self.was = producer
                self.answers.append(0)
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT))

        def before_end(self, producer: Meddled) -> None:
            was = self.was
            if was is not None and was.name == producer.name and producer.topics:
                self.refusals.append(self.coordinator.end(was.name, self.before, commit=False))
                self.was = None

    world = Unanswered(kafka)
    history = run(world)
    assert world.refusals
    assert set(world.refusals) <= {KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED}
    assert renewed(world) == HITS
    assert doubles(history) >= 1  # it was committed, and was said again under the same ids


def test_a_connection_lost_during_a_commit_replaces_the_producer_and_says_nothing_twice(
    kafka: Connection,
) -> None:
    class Disturbed(Meddling):
        def before_end(self, producer: Meddled) -> None:
            if self.takes_one():
                self.answers.append(0)
                producer.heard(KafkaError(KafkaError._TRANSPORT))

    world = Disturbed(kafka)
    history = run(world)
    assert renewed(world) == HITS
    assert doubles(history) == 0
