"""Single records of a topic, near to each other and far, and such as there are not."""

from __future__ import annotations

from uuid import uuid4

import pytest

from minuet.kafka import topics
from minuet.kafka.connection import Connection
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
