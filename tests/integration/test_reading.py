"""Reading from a broker that goes away in the middle."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from minuet.dev import Broker
from minuet.errors import BrokerError
from minuet.kafka import topics
from minuet.kafka.connection import Connection
from minuet.kafka.reading import snapshot
from tests.integration.in_time import in_time, waited_s

pytestmark = pytest.mark.kafka

TOPIC = "half-read.events"


def test_a_read_that_can_not_go_on_says_why_and_does_not_wait_for_ever(tmp_path: Path) -> None:
    broker = Broker(tmp_path)
    try:
        place = Connection(broker.up())
        topics.apply(place, [topics.TopicPlan(TOPIC, 1)])
        producer = place.producer(**{"transactional.id": "half"})
        producer.init_transactions(30)
        producer.begin_transaction()
        producer.produce(TOPIC, b"read", b"a")
        producer.commit_transaction(30)
        producer.begin_transaction()  # stays open: nobody can read past it, so the read waits
        producer.produce(TOPIC, b"never", b"b")
        assert producer.flush(30) == 0
        records = snapshot(place, TOPIC)
        assert next(records).value() == b"read"
        broker.down()
        began, waited = time.monotonic(), waited_s()
        with pytest.raises(BrokerError, match=f"topic {TOPIC} sends nothing more: .*refused or"):
            next(records)
        assert in_time(time.monotonic() - began, waited_s=waited_s() - waited)
    finally:
        broker.reset()
