"""Appending to a topic: each record is acknowledged or fails."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError

from minuet.kafka.connection import Connection
from minuet.kafka.writer import Place, WriteError, Writer


def writer(**over: object) -> Writer:
    return Writer(Connection("127.0.0.1:1"), "nowhere", **over)


def test_a_refusal_by_the_client_itself_comes_by_the_callback_too() -> None:
    done: list[Place | WriteError] = []
    writer().append(b"k", b"x" * 2_000_000, [], done.append)
    (error,) = done
    assert isinstance(error, WriteError)
    assert error.alone
    assert "larger than the topic takes" in error.reason
    assert "127.0.0.1:1" in str(error)


def test_a_full_queue_is_said_and_not_dropped() -> None:
    done: list[Place | WriteError] = []
    full = writer(**{"queue.buffering.max.messages": 1})
    full.append(b"k", b"1", [], done.append)
    with pytest.raises(BufferError):
        full.append(b"k", b"2", [], done.append)
    full.purge()
    assert len(done) == 1


def test_what_is_handed_over_waits_for_room_and_none_is_dropped() -> None:
    done: list[Place | WriteError] = []
    full = writer(**{"queue.buffering.max.messages": 1, "message.timeout.ms": 300})
    for number in range(3):  # nobody takes them: each makes room when its time is over
        full.hand_over(b"k", b"%d" % number, [], done.append)
    assert len(done) == 2
    full.flush(5)
    assert len(done) == 3


def test_what_is_given_up_fails_and_others_may_too() -> None:
    done: list[Place | WriteError] = []
    one = writer()
    one.append(b"k", b"1", [], done.append)
    assert one.flush(0.01) == 1
    one.purge()
    assert one.flush(0) == 0
    (error,) = done
    assert isinstance(error, WriteError)
    assert not error.alone


def test_the_reason_is_kafkas_own_word_for_it() -> None:
    error = writer()._error(KafkaError(KafkaError.NOT_ENOUGH_REPLICAS))
    assert error.reason.endswith("[NOT_ENOUGH_REPLICAS]")
