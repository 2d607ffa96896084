"""Kafka clients with the settings that Minuet's promises rest on, and errors in plain words.

Nothing is connected on import or when a `Connection` is made. `Connection.reach` asks the broker
once, so that a wrong address is named within seconds instead of being retried for ever.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import (
    AdminClient,
    ClusterMetadata,
)

from minuet.errors import BrokerError, UsageError
from minuet.kafka.repeats import Repeats

REACH_S = 5.0  # a broker that is up answers in milliseconds; one that starts is waited for by `dev`

_LOG = logging.getLogger("minuet.kafka")
_LOG.addHandler(logging.NullHandler())  # librdkafka would else write its own lines to stderr
_LOG.addFilter(Repeats())

_CLIENT: Mapping[str, Any] = {"client.id": "minuet", "logger": _LOG}

# Without these an event could be lost, doubled, or put where another client does not look for it.
_PRODUCER: Mapping[str, Any] = {
    "acks": "all",
    "enable.idempotence": True,
    "partitioner": "murmur2_random",  # as Java's; librdkafka's own default differs
    "compression.type": "lz4",
    "linger.ms": 0,
    "topic.metadata.propagation.max.ms": 5000,  # a missing topic is an error soon, not in 30 s
}
_CONSUMER: Mapping[str, Any] = {
    "group.id": "minuet-reader",  # librdkafka wants one; a reader that assigns joins no group
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",  # "largest", librdkafka's default, skips data in silence
    "fetch.queue.backoff.ms": 10,  # the default makes a fast reader pause for a second
}
_KEPT = frozenset(
    {
        "acks",
        "request.required.acks",
        "enable.idempotence",
        "partitioner",
        "enable.auto.commit",
        "enable.auto.offset.store",
        "auto.offset.reset",
    }
)


class _Trouble:
    """What a client's error callback said last: often the only place that says why."""

    def __init__(self) -> None:
        self.last: KafkaError | None = None

    def __call__(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN and self.last is not None:
            return  # it follows the error that says why
        self.last = error
        _LOG.warning("%s", describe(error))


@dataclass(frozen=True)
class Connection:
    """Where Kafka is, and how to log in there.

    Args:
        bootstrap: `host:port`, more than one joined by commas.
        options: further settings of librdkafka, as `{"security.protocol": "SASL_SSL"}`.

    Raises:
        UsageError: an option would undo what Minuet promises.
    """

    bootstrap: str
    options: Mapping[str, str] = field(default_factory=dict)
    _trouble: _Trouble = field(default_factory=_Trouble, repr=False, compare=False)

    def __post_init__(self) -> None:
        if kept := sorted(_KEPT & self.options.keys()):
            message = f"Kafka option {kept[0]!r} is set by Minuet itself: leave it out"
            raise UsageError(message)

    def consumer(self, **over: object) -> Consumer:
        """A consumer that commits nothing by itself; `over` wins over the defaults."""
        return Consumer(self._settings(_CONSUMER, over))

    def producer(self, **over: object) -> Producer:
        """An idempotent producer that waits for all replicas; `over` wins over the defaults."""
        return Producer(self._settings(_PRODUCER, over))

    def admin(self) -> AdminClient:
        """A client for topics, settings and groups."""
        return AdminClient(self._settings({}, {}))

    def reach(self, topic: str = "", *, timeout_s: float = REACH_S) -> ClusterMetadata:
        """Ask the broker what it has: of `topic`, or of all topics.

        Raises:
            BrokerError: no answer in time; names the address and why.
        """
        admin = self.admin()
        try:
            if topic:
                found = admin.list_topics(topic, timeout=timeout_s)
            else:
                found = admin.list_topics(timeout=timeout_s)
        except KafkaException as failure:
            admin.poll(0)  # serves the error callback, which knows more than the timeout does
            raise self.error(failure) from failure
        self._trouble.last = None  # what was wrong before is no longer the reason
        return found

    def error(self, failure: KafkaException | KafkaError) -> BrokerError:
        """The error to raise for a failed call: which broker, what, and why when it is known."""
        error = failure if isinstance(failure, KafkaError) else failure.args[0]
        message = f"Kafka at {self.bootstrap}: {describe(error)}"
        why = self._trouble.last
        if why is not None and why.code() != error.code() and error.code() in _VAGUE:
            message += f" ({describe(why)})"
        elif error.code() in _VAGUE and error.code() != KafkaError._MSG_TIMED_OUT:
            message += "; is it running?"
        return BrokerError(message)

    def _settings(self, defaults: Mapping[str, Any], over: Mapping[str, object]) -> dict[str, Any]:
        address = {"bootstrap.servers": self.bootstrap, "error_cb": self._trouble}
        return {**_CLIENT, **defaults, **address, **self.options, **over}


_VAGUE = frozenset(
    {
        KafkaError._TRANSPORT,
        KafkaError._TIMED_OUT,
        KafkaError._MSG_TIMED_OUT,
        KafkaError._ALL_BROKERS_DOWN,
    }
)

_IN_WORDS: Mapping[int, str] = {
    KafkaError._TRANSPORT: "the connection was refused or lost",
    KafkaError._ALL_BROKERS_DOWN: "no broker can be reached",
    KafkaError._RESOLVE: "the host name is not known",
    KafkaError._TIMED_OUT: "no answer in time",
    KafkaError._MSG_TIMED_OUT: "not acknowledged in time; it may or may not have been written",
    KafkaError._AUTHENTICATION: "the login was refused: check user, password and mechanism",
    KafkaError.SASL_AUTHENTICATION_FAILED: "the login was refused: check user and password",
    KafkaError._SSL: "the TLS handshake failed: check certificate and security.protocol",
    KafkaError._QUEUE_FULL: "the producer's queue is full",
    KafkaError._UNKNOWN_TOPIC: "the topic does not exist: `minuet topics apply WORKFLOW` makes it",
    KafkaError.UNKNOWN_TOPIC_OR_PART: (
        "the topic does not exist: `minuet topics apply WORKFLOW` makes it"
    ),
    KafkaError._UNKNOWN_PARTITION: "the topic has no such partition",
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "this user may not use the topic",
    KafkaError.GROUP_AUTHORIZATION_FAILED: "this user may not use the consumer group",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "this user may not do that on this cluster",
    KafkaError.MSG_SIZE_TOO_LARGE: "the record is larger than the topic takes",
    KafkaError.NOT_ENOUGH_REPLICAS: "too few replicas are in sync to take a write safely",
    KafkaError._AUTO_OFFSET_RESET: "records that were to be read are no longer there",
}


def describe(error: KafkaError) -> str:
    """Say what a Kafka error means, in one sentence that keeps Kafka's own name for it."""
    words = _IN_WORDS.get(error.code())
    if words is None:
        return f"{error.str()} [{error.name()}]"
    return f"{words} [{error.name()}]"
