"""Single records of a topic, near to each other and far, and such as there are not."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from threading import Timer
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, Message

from minuet.dev import Broker
from minuet.errors import BrokerError
from minuet.kafka import picking, reading, topics
from minuet.kafka.connection import REACH_S, Connection
from minuet.kafka.picking import NEAR, pick

pytestmark = pytest.mark.kafka


def test_each_record_that_is_there_is_found_and_no_other(kafka: str) -> None:
    place, topic = Connection(kafka), f"picked-{uuid4().hex[:6]}"
    topics.apply(place, [topics.TopicPlan(topic, 2)])
    producer = place.producer()
    count = 3 * NEAR
    for number in range(count):
        producer.produce(topic, str(number).encode(), b"k", 1)
    assert producer.flush(30) == 0
    there = {(1, 0), (1, 1), (1, 7), (1, NEAR), (1, count - 1)}
    found = pick(place, topic, [*there, (0, 0), (1, count), (5, 0)])
    assert found.keys() == there
    assert {(1, int(message.value() or b"")) for message in found.values()} == there


def test_the_mark_at_the_end_of_a_transaction_is_no_record_and_nobody_waits_for_it(
    kafka: str,
) -> None:
    place, topic = Connection(kafka), f"picked-{uuid4().hex[:6]}"
    topics.apply(place, [topics.TopicPlan(topic, 1)])
    producer = place.transactional(topic, lambda _error: None, {})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(topic, b"0", b"k", 0)
    producer.commit_transaction(30)
    assert pick(place, topic, [(0, 0), (0, 1)]).keys() == {(0, 0)}


def test_a_broker_that_is_slow_is_waited_for_and_one_that_is_silent_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker stands still, in the midst of it, for longer than it takes to be reached."""
    broker = Broker(tmp_path)
    place, topic = Connection(broker.up()), "picked"
    pid, drain, stands = broker.status().pid, reading.drain, [True]
    resumed = Timer(REACH_S + 1, os.kill, (pid, signal.SIGCONT))

    def stand_still(consumer: Consumer, wait_s: float) -> list[Message]:
        found = drain(consumer, wait_s)
        if found and stands:
            os.kill(pid, signal.SIGSTOP)
            stands.clear()
            if not resumed.is_alive():
                resumed.start()
        return found

    try:
        topics.apply(place, [topics.TopicPlan(topic, 1)])
        producer = place.producer()
        for _ in range(4 * NEAR):
            producer.produce(topic, os.urandom(50_000), b"k", 0)
        assert producer.flush(30) == 0
        monkeypatch.setattr(picking, "drain", stand_still)
        wanted = [(0, 0), (0, 4 * NEAR - 1)]
        assert pick(place, topic, wanted).keys() == set(wanted)
        resumed.join()
        stands.append(True)
        monkeypatch.setattr(reading, "_STALLED_S", 1.0)
        monkeypatch.setattr(resumed, "is_alive", lambda: True)
        with pytest.raises(BrokerError, match=f"topic {topic} sen"):
            pick(place, topic, wanted)
    finally:
        resumed.cancel()
        os.kill(pid, signal.SIGCONT)
        broker.reset()
