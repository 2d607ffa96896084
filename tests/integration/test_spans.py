"""Stretches of a real topic."""

from __future__ import annotations

import time
from uuid import uuid4

import pytest

from minuet.errors import UsageError
from minuet.kafka import topics
from minuet.kafka.connection import Connection
from minuet.kafka.reading import snapshot
from minuet.kafka.spans import Moment, Offsets, Span, bound, span

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def filled(kafka: str) -> tuple[Connection, str]:
    """Two partitions; the first has ten records, second by second from 1,000 s on."""
    place, topic = Connection(kafka), f"stretch-{uuid4().hex[:6]}"
    topics.apply(place, [topics.TopicPlan(topic, 2)])
    producer = place.producer()
    for number in range(10):
        producer.produce(topic, str(number).encode(), b"k", 0, timestamp=(1_000 + number) * 1_000)
    assert producer.flush(30) == 0
    return place, topic


def numbers(place: Connection, topic: str, found: Span) -> list[int]:
    read = snapshot(place, topic, found.first, found.ends)
    return [int(message.value() or b"") for message in read]


def test_without_bounds_it_is_all_there_is(filled: tuple[Connection, str]) -> None:
    found = span(*filled)
    assert found == Span({0: 0, 1: 0}, {0: 10, 1: 0})
    assert numbers(*filled, found) == list(range(10))


def test_moments_are_those_of_the_records_and_the_end_is_left_out(
    filled: tuple[Connection, str],
) -> None:
    found = span(*filled, Moment(1_002_500), Moment(1_006_000))
    assert numbers(*filled, found) == [3, 4, 5]


def test_offsets_name_the_partitions(filled: tuple[Connection, str]) -> None:
    assert numbers(*filled, span(*filled, Offsets({0: 8}))) == [8, 9]
    assert numbers(*filled, span(*filled, Offsets({0: 2}), Offsets({0: 4}))) == [2, 3]
    assert numbers(*filled, span(*filled, Offsets({1: 0}))) == []


def test_what_can_not_be_is_told(filled: tuple[Connection, str]) -> None:
    place, topic = filled
    with pytest.raises(UsageError, match=f"{topic} has no partition 5: it has 0 to 1"):
        span(place, topic, Offsets({5: 0}))
    with pytest.raises(UsageError, match="partition 0 has offsets 0 to 10, and not 11"):
        span(place, topic, end=Offsets({0: 11}))
    with pytest.raises(UsageError, match="is not after its beginning: 1970"):
        span(place, topic, Moment(1_006_000), Moment(1_002_000))
    with pytest.raises(UsageError, match="before its beginning in every partition"):
        span(place, topic, Offsets({0: 1}), Offsets({1: 0}))
    later = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3_600))
    with pytest.raises(UsageError, match="has not come yet"):
        span(place, topic, bound(later, "--from"))
    with pytest.raises(UsageError, match=r"there is no topic nowhere\.events"):
        span(place, "nowhere.events")
