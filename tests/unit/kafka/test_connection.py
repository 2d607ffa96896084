"""Kafka clients with the right settings, and errors in plain words."""

from __future__ import annotations

import logging
import socket
import time

import pytest
from confluent_kafka import KafkaError

from minuet.errors import BrokerError, UsageError
from minuet.kafka import connection
from minuet.kafka.connection import Connection
from minuet.kafka.reasons import describe, explain, lasts


@pytest.mark.parametrize(
    "name", ["acks", "enable.idempotence", "partitioner", "enable.auto.commit"]
)
def test_an_option_that_would_undo_a_promise_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"Kafka's {name} is Minuet's own to set: "):
        Connection("localhost:9092", {name: "0"})


def test_options_reach_the_client() -> None:
    with pytest.raises(UsageError, match="Kafka has no setting no_such_option"):
        Connection("localhost:9092", {"no_such_option": "1"}).producer()


def test_what_the_caller_says_wins_over_the_defaults() -> None:
    with pytest.raises(UsageError, match="acks"):
        Connection("localhost:9092").producer(acks="nonsense")


def test_what_a_person_sets_wins_over_what_is_set_for_speed() -> None:
    with pytest.raises(UsageError, match=r"queue\.buffering\.max\.ms"):
        Connection("localhost:9092", {"linger.ms": "soon"}).producer(**{"linger.ms": 5})


def test_a_certificate_that_is_not_there_is_named() -> None:
    options = {"security.protocol": "SSL", "ssl.ca.location": "no-such.pem"}
    with pytest.raises(UsageError, match=r"ssl\.ca\.location: there is no file no-such\.pem"):
        Connection("localhost:9092", options).admin()


@pytest.mark.parametrize(
    "address",
    ["localhost", "http://kafka:9092", "kafka:port", "kafka:0", ":9092", "a:1,", "a:99999"],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match="is no address of a broker: write HOST:PORT"):
        Connection(address)


@pytest.mark.parametrize("address", ["kafka:9092", "10.0.0.1:1,b-2.example:65535", "[::1]:9092"])
def test_an_address_may_be_a_name_or_a_number_or_many(address: str) -> None:
    assert Connection(address).bootstrap == address


def test_a_password_is_not_shown() -> None:
    place = Connection("kafka:1", {"sasl.username": "ann", "sasl.password": "hidden"})
    assert "hidden" not in repr(place)
    assert place.name == "Kafka at kafka:1 (user ann)"


def test_an_unreachable_broker_is_named_within_the_time_given() -> None:
    address = f"127.0.0.1:{closed_port()}"
    with pytest.raises(BrokerError, match=f"Kafka at {address}: .*refused or lost.*running"):
        Connection(address).reach(timeout_s=0.5)


@pytest.mark.parametrize("timeout_s", [0.1, 0.3])
def test_all_the_time_given_is_waited_for(
    timeout_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_LASTING_S", 0.2)
    began = time.monotonic()
    with pytest.raises(BrokerError):
        Connection(f"127.0.0.1:{closed_port()}").reach(timeout_s=timeout_s)
    assert time.monotonic() - began >= timeout_s - 0.05


def test_a_known_error_is_one_sentence_and_keeps_its_name() -> None:
    text = describe(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))
    assert text == (
        "this user may not use the topic, which an administrator of Kafka can allow "
        "[TOPIC_AUTHORIZATION_FAILED]"
    )


def test_any_other_error_is_said_in_kafkas_words() -> None:
    error = KafkaError(KafkaError.INVALID_TIMESTAMP)
    assert describe(error) == f"{error.str()} [INVALID_TIMESTAMP]"


def test_a_timeout_says_why_when_a_callback_has_said_it() -> None:
    connection = Connection("kafka:1")
    connection._heard(KafkaError(KafkaError._AUTHENTICATION))
    connection._heard(KafkaError(KafkaError._ALL_BROKERS_DOWN))
    error = connection.error(KafkaError(KafkaError._TIMED_OUT))
    assert "no answer in time" in str(error)
    assert "the login was refused" in str(error)


@pytest.mark.parametrize(
    ("code", "text", "said"),
    [
        (
            KafkaError._AUTHENTICATION,
            "SASL PLAIN mechanism handshake failed: Broker: Unsupported SASL mechanism: broker's "
            "supported mechanisms: SCRAM-SHA-512 (after 300ms in state AUTH_HANDSHAKE)",
            "the broker does not take sasl.mechanism PLAIN: it takes SCRAM-SHA-512",
        ),
        (
            KafkaError._AUTHENTICATION,
            "SASL PLAIN mechanism handshake failed: Broker: Request not valid in current SASL "
            "state: broker's supported mechanisms:  (after 2ms in state AUTH_HANDSHAKE)",
            "the broker takes no login there",
        ),
        (
            KafkaError._TRANSPORT,
            "SSL handshake failed: Disconnected: connecting to a PLAINTEXT broker listener?",
            "the broker does not speak TLS there",
        ),
        (
            KafkaError._SSL,
            "SSL handshake failed: error: certificate verify failed: broker certificate",
            "set ssl.ca.location to the certificate of the authority",
        ),
    ],
)
def test_the_text_tells_apart_what_has_one_code(code: int, text: str, said: str) -> None:
    why = KafkaError(code, text)
    assert lasts(why)
    told = explain(KafkaError(KafkaError._TRANSPORT), why, reached=False)
    assert said in told
    assert "is it running" not in told


def test_silence_before_the_first_answer_is_a_question_of_security() -> None:
    down = KafkaError(KafkaError._ALL_BROKERS_DOWN)
    lost = KafkaError(KafkaError._TRANSPORT)
    assert "check security.protocol" in explain(lost, down, reached=False)
    assert "check security.protocol" not in explain(lost, down, reached=True)


def lines_of(text: str, caplog: pytest.LogCaptureFixture) -> list[str]:
    log = logging.getLogger("minuet.kafka")
    log.error("%s", text)
    found = [record.getMessage() for record in caplog.records]
    caplog.clear()
    return found


def test_librdkafkas_lines_that_are_told_in_plain_words_are_for_the_verbose(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ignored = "CONFWARN: linger.ms is a producer property and will be ignored by this consumer"
    caplog.set_level(logging.WARNING, "minuet.kafka")
    assert lines_of("FAIL [thrd]: connect to somewhere failed", caplog) == []
    assert lines_of("MAXPOLL [thrd]: too slow", caplog) == ["MAXPOLL [thrd]: too slow"]
    caplog.set_level(logging.INFO, "minuet.kafka")
    assert len(lines_of("FAIL [thrd]: connect to nowhere failed", caplog)) == 1
    assert lines_of(ignored, caplog) == []


def test_a_broker_that_goes_away_is_warned_of_and_one_never_reached_is_an_error_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    connection = Connection("kafka:1")
    connection._heard(KafkaError(KafkaError._RESOLVE))
    assert [record.levelno for record in caplog.records] == []
    connection._trouble.reset()
    connection._heard(KafkaError(KafkaError._SSL))
    (warning,) = caplog.records
    assert warning.levelno == logging.WARNING
    assert warning.getMessage().startswith("Kafka at kafka:1: the TLS handshake failed")


def test_what_says_why_is_not_replaced_by_what_only_says_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr("minuet.kafka.connection.time.monotonic", lambda: now[0])
    connection = Connection("kafka:1")
    lost = KafkaError(KafkaError._TRANSPORT, "Disconnected")
    no_tls = KafkaError(KafkaError._TRANSPORT, "connecting to a PLAINTEXT broker listener?")
    for error in (lost, no_tls, lost, KafkaError(KafkaError._TIMED_OUT)):
        connection._heard(error)
    assert "does not speak TLS" in str(connection.error(lost))
    now[0] += 60  # by then it may be another trouble
    connection._heard(lost)
    assert "refused or lost" in str(connection.error(lost))


def test_two_connections_to_one_broker_are_equal() -> None:
    assert Connection("a:1") == Connection("a:1") != Connection("b:1")


def closed_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port
