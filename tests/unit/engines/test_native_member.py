"""A member that reads faster than the loop works."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from minuet.engines import native_member
from minuet.engines.native_member import Member
from minuet.engines.native_reading import AHEAD_MOST
from minuet.kafka.connection import Connection


class Message:
    """A record without headers, of three bytes."""

    def partition(self) -> int:
        return 0

    offset = partition

    def timestamp(self) -> tuple[int, int]:
        return 1, 0

    def value(self) -> bytes:
        return b"abc"

    key = value

    def headers(self) -> None: ...

    def error(self) -> None: ...


class Consumer:
    """There is always more to read."""

    def poll(self, wait_s: float) -> Message:
        return Message()

    def consume(self, most: int, wait_s: float) -> list[Message]:
        return [Message() for _ in range(most)]


class Loop:
    """Does nothing of what it is asked to, until it is told to."""

    def __init__(self) -> None:
        self.asked: list[Callable[[], None]] = []

    def is_closed(self) -> bool:
        return False

    def call_soon_threadsafe(self, told: Callable[..., None], *arguments: Any) -> None:
        self.asked.append(lambda: told(*arguments))


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def member(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> Member:
    monkeypatch.setattr(native_member, "WAIT_S", 0)
    member = Member(Connection("127.0.0.1:1"), "a.events", "a", {"group.id": "a"})
    member._consumer = cast(Any, Consumer())
    member._loop = cast(Any, loop)
    member._sink = cast(Any, SimpleNamespace(read=lambda *_: None))
    return member


def test_a_loop_that_is_far_behind_gets_one_record_a_poll_until_it_has_caught_up(
    member: Member, loop: Loop
) -> None:
    while not member._lead.is_far():
        member._read()
    batches = AHEAD_MOST // native_member.BATCH + 1
    assert len(loop.asked) == batches
    member._read()
    assert member._lead._read == batches * native_member.BATCH + 1
    for do in loop.asked:
        do()
    member._read()
    assert member._lead._read == (batches + 1) * native_member.BATCH + 1


def test_what_is_asked_of_the_consumer_is_done_while_the_loop_is_behind(member: Member) -> None:
    done: list[object] = []
    member._lead.handed_over(AHEAD_MOST + 1, 0)
    member._errands.add(done.append)
    member._read()
    assert done == [member._consumer]


def test_a_position_that_was_not_stored_is_told_and_a_stored_one_is_not(
    member: Member, loop: Loop
) -> None:
    told: list[list[int]] = []
    member._sink = cast(Any, SimpleNamespace(uncommitted=told.append))
    refused = KafkaError(KafkaError.NOT_COORDINATOR)
    good, bad = TopicPartition("a.events", 1, 5), SimpleNamespace(partition=2, error=refused)
    member._on_commit(None, [good])
    member._on_commit(None, [good, cast(Any, bad)])
    member._on_commit(refused, [good])
    for tell in loop.asked:
        tell()
    assert told == [[2], [1]]


def test_a_position_that_cannot_be_handed_over_is_told(member: Member, loop: Loop) -> None:
    told: list[list[int]] = []
    member._sink = cast(Any, SimpleNamespace(uncommitted=told.append))

    def commit(offsets: list[TopicPartition], asynchronous: bool) -> None:
        raise KafkaException(KafkaError(KafkaError._STATE))

    member._consumer = cast(Any, SimpleNamespace(commit=commit))
    member.commit({0: 7})
    member._errands.run(member._consumer)
    for tell in loop.asked:
        tell()
    assert told == [[0]]
