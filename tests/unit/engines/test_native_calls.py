"""Where a broker is slow to say where calls begin, and partitions come and go meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from minuet.engines import native_calls
from minuet.engines.native_calls import CallReader
from minuet.kafka.connection import Connection

DELAYS = {"a.retry.10s": 10_000}


class Consumer:
    """Says where to begin once it is well, and takes each partition once, as librdkafka does."""

    def __init__(self) -> None:
        self.well = False
        self.assigned: set[tuple[str, int]] = set()

    def offsets_for_times(
        self, places: list[TopicPartition], timeout: float
    ) -> list[TopicPartition]:
        if not self.well:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        return [TopicPartition(place.topic, place.partition, 3) for place in places]

    def incremental_assign(self, places: list[TopicPartition]) -> None:
        for place in places:
            if (place.topic, place.partition) in self.assigned:
                raise KafkaException(KafkaError(KafkaError._CONFLICT))
            self.assigned.add((place.topic, place.partition))

    def incremental_unassign(self, places: list[TopicPartition]) -> None:
        self.assigned -= {(place.topic, place.partition) for place in places}

    def poll(self, wait_s: float) -> None: ...


class Timer:
    """A timer that goes off when the test says so."""

    made: list[Timer]

    def __init__(self, _seconds: float, call: Callable[..., None], args: list[Any]) -> None:
        self.goes_off: Callable[[], None] = partial(call, *args)
        self.daemon = False

    def start(self) -> None:
        Timer.made.append(self)


@pytest.fixture
def consumer() -> Consumer:
    return Consumer()


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> CallReader:
    Timer.made = []
    monkeypatch.setattr(threading, "Timer", Timer)
    monkeypatch.setattr(native_calls, "POLL_S", 0)
    reader = CallReader(Connection("127.0.0.1:1"))
    reader._thread = threading.Thread()  # never started: the test takes the turns
    return reader


def turn(reader: CallReader, consumer: Consumer) -> None:
    reader._turn(cast(Any, consumer))


def test_a_partition_that_went_and_came_back_while_one_waited_is_taken_once(
    reader: CallReader, consumer: Consumer
) -> None:
    reader.follow(0, DELAYS)
    turn(reader, consumer)
    consumer.well = True
    reader.unfollow(0)
    reader.follow(0, DELAYS)
    turn(reader, consumer)
    [timer] = Timer.made
    timer.goes_off()
    turn(reader, consumer)
    assert consumer.assigned == {("a.retry.10s", 0)}


def test_a_partition_that_was_given_away_is_not_taken_when_the_broker_is_well(
    reader: CallReader, consumer: Consumer
) -> None:
    reader.follow(0, DELAYS)
    turn(reader, consumer)
    consumer.well = True
    reader.unfollow(0)
    [timer] = Timer.made
    timer.goes_off()
    turn(reader, consumer)
    assert consumer.assigned == set()
    reader.follow(0, DELAYS)
    turn(reader, consumer)
    assert consumer.assigned == {("a.retry.10s", 0)}


def test_a_stop_does_not_wait_until_the_broker_has_said_where_all_calls_begin(
    reader: CallReader, consumer: Consumer
) -> None:
    consumer.well = True
    for number in range(3):
        reader.follow(number, DELAYS)
    reader._ends.set()
    turn(reader, consumer)
    assert consumer.assigned == set()
