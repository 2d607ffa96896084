"""Kafka clients with the right settings, and errors in plain words."""

from __future__ import annotations

import socket

import pytest
from confluent_kafka import KafkaError, KafkaException

from minuet.errors import BrokerError, UsageError
from minuet.kafka.connection import Connection, describe


@pytest.mark.parametrize(
    "name", ["acks", "enable.idempotence", "partitioner", "enable.auto.commit"]
)
def test_an_option_that_would_undo_a_promise_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"'{name}' is set by Minuet itself"):
        Connection("localhost:9092", {name: "0"})


def test_options_reach_the_client() -> None:
    with pytest.raises(KafkaException, match="no_such_option"):
        Connection("localhost:9092", {"no_such_option": "1"}).producer()


def test_what_the_caller_says_wins_over_the_defaults() -> None:
    with pytest.raises(KafkaException, match="acks"):
        Connection("localhost:9092").producer(acks="nonsense")


def test_an_unreachable_broker_is_named_within_the_time_given() -> None:
    address = f"127.0.0.1:{closed_port()}"
    with pytest.raises(BrokerError, match=f"Kafka at {address}: .*refused or lost.*running"):
        Connection(address).reach(timeout_s=0.5)


def test_a_known_error_is_one_sentence_and_keeps_its_name() -> None:
    text = describe(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))
    assert text == "this user may not use the topic [TOPIC_AUTHORIZATION_FAILED]"


def test_any_other_error_is_said_in_kafkas_words() -> None:
    error = KafkaError(KafkaError.INVALID_TIMESTAMP)
    assert describe(error) == f"{error.str()} [INVALID_TIMESTAMP]"


def test_a_timeout_says_why_when_a_callback_has_said_it() -> None:
    connection = Connection("kafka:1")
    connection._trouble(KafkaError(KafkaError._AUTHENTICATION))
    connection._trouble(KafkaError(KafkaError._ALL_BROKERS_DOWN))
    error = connection.error(KafkaError(KafkaError._TIMED_OUT))
    assert "no answer in time" in str(error)
    assert "the login was refused" in str(error)


def test_two_connections_to_one_broker_are_equal() -> None:
    assert Connection("a:1") == Connection("a:1") != Connection("b:1")


def closed_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port
