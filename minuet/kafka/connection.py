"""Kafka clients with the settings that Minuet's promises rest on, and errors in plain words.

Nothing is connected on import or when a `Connection` is made. `Connection.reach` asks the broker
once, so that a wrong address is named within seconds instead of being retried for ever.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import (
    AdminClient,
    ClusterMetadata,
)

from minuet.errors import BrokerError, UsageError
from minuet.kafka.reasons import Refused, describe, explain, lasts, refused, tells
from minuet.kafka.repeats import Repeats
from minuet.settings import kafka as names
from minuet.settings.registry import BUILT_IN, Registry

T = TypeVar("T")

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
_LASTING_S = 1.0  # after which a reason that no waiting mends is believed
_FRESH_S = 15.0  # so long a word that says why is not replaced by one that does not


class _SaidOtherwise(logging.Filter):
    """Drops librdkafka's lines that tell a person nothing.

    A setting that another kind of client has is no mistake; and why a connection failed is told by
    the error callback too, in plain words.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to log it."""
        line = record.getMessage()
        if "and will be ignored by this" in line:
            return False
        return not line.startswith("FAIL ") or _LOG.isEnabledFor(logging.INFO)


_LOG.addFilter(_SaidOtherwise())


class _Trouble:
    """What the clients' error callbacks said last: often the only place that says why."""

    def __init__(self) -> None:
        self.last: KafkaError | None = None
        self.since = 0.0
        self.reached = False

    def reset(self) -> None:
        """The broker was reached: what was wrong before is no longer the reason."""
        self.last, self.reached = None, True

    def note(self, error: KafkaError) -> bool:
        """Keep it, if it is news; one without a reason that follows the reason is none."""
        now = time.monotonic()
        if self.last is not None:
            is_fresh = tells(self.last) and now - self.since < _FRESH_S
            if error.code() == KafkaError._ALL_BROKERS_DOWN or (is_fresh and not tells(error)):
                return False
        self.last, self.since = error, now
        return True


@dataclass(frozen=True)
class Connection:
    """Where Kafka is, and how to log in there.

    Args:
        bootstrap: `host:port`, more than one joined by commas.
        options: further settings of librdkafka, as `{"security.protocol": "SASL_SSL"}`; they win
            over what Minuet would set for speed.
        registry: the registry of its schemas, if another than the built-in one.

    Raises:
        UsageError: that is no address, or an option would undo what Minuet promises.
    """

    bootstrap: str
    options: Mapping[str, str] = field(default_factory=dict, repr=False)  # has passwords
    registry: Registry = field(default=BUILT_IN, repr=False)
    _trouble: _Trouble = field(default_factory=_Trouble, repr=False, compare=False)

    def __post_init__(self) -> None:
        for address in self.bootstrap.split(","):
            _check_address(address.strip())
        for name in sorted(self.options):
            if why := names.refusal(name):
                raise UsageError(why)

    def consumer(self, **over: object) -> Consumer:
        """A consumer that commits nothing by itself; `over` wins over the defaults."""
        return self._client(Consumer, _CONSUMER, over)

    def producer(self, **over: object) -> Producer:
        """An idempotent producer that waits for all replicas; `over` wins over the defaults."""
        return self._client(Producer, _PRODUCER, over)

    def transactional(
        self, name: str, heard: Callable[[KafkaError], None], over: Mapping[str, object]
    ) -> Producer:
        """A producer that writes in transactions.

        Args:
            name: its transactional id.
            heard: told of each error of its connections, beside what is always done with it.
            over: settings that win over the defaults.
        """
        return self._client(Producer, _PRODUCER, {**over, "transactional.id": name}, heard)

    def admin(self) -> AdminClient:
        """A client for topics, settings and groups."""
        return self._client(AdminClient, {}, {})

    def reach(self, topic: str = "", *, timeout_s: float = REACH_S) -> ClusterMetadata:
        """Ask the broker what it has: of `topic`, or of all topics.

        Raises:
            BrokerError: no answer in time; names the address and why.
        """
        admin = self.admin()
        asked = {"topic": topic} if topic else {}
        first_s = min(_LASTING_S, timeout_s)
        for wait_s in (first_s, timeout_s - first_s):
            try:
                found = admin.list_topics(**asked, timeout=wait_s)
            except KafkaException as failure:
                failed = failure
            else:
                self._trouble.reset()
                return found
            admin.poll(0)  # serves the error callback, which knows more than the timeout does
            if wait_s == timeout_s or (self._trouble.last and lasts(self._trouble.last)):
                break
        raise self.error(failed) from failed

    def error(
        self, failure: KafkaException | KafkaError, about: str = "", right: str = ""
    ) -> BrokerError:
        """The error to raise for a failed call: which broker, what, and why when it is known.

        Args:
            failure: of the call.
            about: the topic or group it was about, as `topic orders.events`.
            right: the one without which the call is refused, as `Write`.
        """
        error = failure if isinstance(failure, KafkaError) else failure.args[0]
        text = explain(error, self._trouble.last, reached=self._trouble.reached, right=right)
        return BrokerError(": ".join(part for part in (self.name, about, text) if part))

    def reason(self, since: float) -> str:
        """What the clients have said since then of why it does not work; empty for nothing."""
        why = self._trouble.last
        return describe(why) if why is not None and self._trouble.since >= since else ""

    @property
    def name(self) -> str:
        """For messages: where, and as whom."""
        who = names.login(self.options)
        return f"Kafka at {self.bootstrap}" + (f" ({who})" if who else "")

    def _client(
        self, kind: Callable[[dict[str, Any]], T], defaults: Mapping[str, Any],
        over: Mapping[str, object], heard: Callable[[KafkaError], None] | None = None,
    ) -> T:  # fmt: skip
        def told(error: KafkaError) -> None:
            self._heard(error)
            if heard is not None:
                heard(error)

        address = {"bootstrap.servers": self.bootstrap, "error_cb": told}
        try:
            return kind({**_CLIENT, **defaults, **over, **address, **self.options})
        except KafkaException as failure:
            raise UsageError(refused(failure.args[0].str(), self.options).why) from failure

    def _heard(self, error: KafkaError) -> None:
        if self._trouble.note(error):
            # Before the first answer it is the error that a command ends with.
            level = logging.WARNING if self._trouble.reached else logging.INFO
            _LOG.log(level, "%s: %s", self.name, describe(error))


# The connection of the worker that runs in this context, and the prefix of its topics: what its
# steps publish goes there too.
of_worker: ContextVar[Connection | None] = ContextVar("of_worker", default=None)
prefix_of_worker: ContextVar[str] = ContextVar("prefix_of_worker", default="")


def wrong_option(options: Mapping[str, str]) -> Refused | None:
    """What librdkafka has against these settings; asks no broker."""
    if not options:
        return None
    try:
        AdminClient({**_CLIENT, **options})
    except KafkaException as failure:
        return refused(failure.args[0].str(), options)
    return None


def _check_address(address: str) -> None:
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal() or not 0 < int(port) < 65_536:
        message = f"{address!r} is no address of a broker: write HOST:PORT, as localhost:9092"
        raise UsageError(message)
