"""A member without partitions, whose group is asked whether it has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest
from confluent_kafka import Consumer

from minuet.errors import BrokerError
from minuet.kafka import membership
from minuet.kafka.connection import Connection
from minuet.kafka.membership import Membership


class Client:
    """A consumer, which knows its name in the group."""

    def memberid(self) -> str:
        return "worker-1"


class World:
    """A clock, a client, and a group that answers what it is told to."""

    def __init__(self, answer: Callable[[], bool]) -> None:
        self.now, self.asked = 0.0, 0
        self._answer = answer
        self.membership = Membership(
            Connection("localhost:1"), "orders", "place-3",
            listed=self._listed, clock=lambda: self.now,
        )  # fmt: skip

    def _listed(self, _: Connection, *asked: str) -> bool:
        assert asked == ("orders", "worker-1", "place-3")
        self.asked += 1
        return self._answer()

    def goes_on(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += 1
            self.membership.check(cast("Consumer", Client()))


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads are over when they are started."""

    class Thread:
        def __init__(self, target: Callable[..., None], args: tuple[str], daemon: bool) -> None:
            assert daemon
            self.start = lambda: target(*args)

        def is_alive(self) -> bool:
            return False

    monkeypatch.setattr("minuet.kafka.membership.threading.Thread", Thread)


def test_a_member_that_the_group_does_not_have_ends_though_no_error_says_so() -> None:
    world = World(lambda: False)
    world.goes_on(25)
    with pytest.raises(BrokerError, match="group orders has not had this member for 26 s"):
        world.goes_on(1)
    assert world.asked == membership.TIMES


def test_one_that_the_group_has_goes_on() -> None:
    world = World(lambda: True)
    world.goes_on(151)
    assert world.asked == 10


def test_one_that_was_just_joining_goes_on() -> None:
    answers = [True, False, False, True, False, False]
    world = World(lambda: not answers or answers.pop())
    world.goes_on(151)
    assert not answers


def test_while_kafka_does_not_answer_it_waits_for_kafka() -> None:
    answers = [False]

    def answer() -> bool:
        if answers:
            return answers.pop()
        raise BrokerError

    world = World(answer)
    world.goes_on(300)
    assert world.asked > membership.TIMES
