"""Kafka's errors in plain words: what is wrong, and what to do about it.

librdkafka says many different things under one code; its text then tells them apart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import KafkaError

_VAGUE = frozenset(  # they say only that it did not work; a client's error callback may know why
    {
        KafkaError._TRANSPORT,
        KafkaError._TIMED_OUT,
        KafkaError._MSG_TIMED_OUT,
        KafkaError._ALL_BROKERS_DOWN,
    }
)
_LATE = (KafkaError._TIMED_OUT, KafkaError._MSG_TIMED_OUT)
_AWAY = (KafkaError._TRANSPORT, KafkaError._TIMED_OUT)

_MISSING = "the topic does not exist: `minuet topics apply WORKFLOW` makes it"
WRITE = "Write"  # the right that a producer needs
_MAY_NOT = "which an administrator of Kafka can allow"
_RIGHTS: Mapping[int, str] = {  # what this user may not use; with the right that is missing
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "this user may not use the topic",
    KafkaError.GROUP_AUTHORIZATION_FAILED: "this user may not use the consumer group",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "this user may not do that on this cluster",
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: "this user may not use the transactional id",
}
_IN_WORDS: Mapping[int, str] = {
    KafkaError._TRANSPORT: "the connection was refused or lost",
    KafkaError._ALL_BROKERS_DOWN: "no broker can be reached",
    KafkaError._RESOLVE: "the host name is not known: check the address",
    KafkaError._TIMED_OUT: "no answer in time",
    KafkaError._MSG_TIMED_OUT: "not acknowledged in time; it may or may not have been written",
    KafkaError._AUTHENTICATION: "the login was refused: check sasl.username and sasl.password",
    KafkaError.SASL_AUTHENTICATION_FAILED: (
        "the login was refused: check sasl.username and sasl.password"
    ),
    KafkaError._SSL: "the TLS handshake failed: check ssl.* and security.protocol",
    KafkaError._QUEUE_FULL: "the producer's queue is full",
    KafkaError._UNKNOWN_TOPIC: _MISSING,
    KafkaError.UNKNOWN_TOPIC_OR_PART: _MISSING,
    KafkaError._UNKNOWN_PARTITION: "the topic has no such partition",
    KafkaError.SECURITY_DISABLED: (
        "this cluster keeps no rights, so everybody may do everything: set authorizer.class.name "
        "at its brokers"
    ),
    KafkaError.MSG_SIZE_TOO_LARGE: "the record is larger than the topic takes",
    KafkaError.NOT_ENOUGH_REPLICAS: "too few replicas are in sync to take a write safely",
    KafkaError._AUTO_OFFSET_RESET: "records that were to be read are no longer there",
}
_BY_TEXT: tuple[tuple[int, str, str], ...] = (
    (
        KafkaError._TRANSPORT,
        "PLAINTEXT broker listener",
        "the broker does not speak TLS there: check the port, and security.protocol",
    ),
    *(
        (
            code,
            r"alert [a-z ]*(certificate|unknown ca)",
            "the broker refuses this client's certificate, or wants one: ssl.certificate.location "
            "and ssl.key.location name one that is valid now, of an authority that it trusts",
        )
        for code in (KafkaError._TRANSPORT, KafkaError._SSL)
    ),
    (
        KafkaError._AUTHENTICATION,
        "invalid_token",
        "the broker refuses the token: it is of another issuer, for another audience, or expired",
    ),
    (
        KafkaError._SSL,
        "certificate verify failed",
        "the broker's certificate cannot be verified: set ssl.ca.location to the certificate of "
        "the authority that signed it, and use a host name that it is for",
    ),
)
_SILENT = (
    "the broker closes the connection without a word, as one does that wants TLS or a login: "
    f"check security.protocol [{KafkaError(KafkaError._ALL_BROKERS_DOWN).name()}]"
)
_NO_FILE = re.compile(r"(ssl\.[a-z]+\.location) failed: (?:error:\w+:)?(.*)", re.DOTALL)
_NO_TOKEN = re.compile(r"acquire SASL OAUTHBEARER token: (.*)", re.DOTALL)
_MECHANISMS = re.compile(r"SASL (\S+) mechanism handshake failed: .*supported mechanisms: ?(\S*)")
_NO_MECHANISM = (
    "Kafka's sasl.mechanism is GSSAPI unless it is set, which this client does not have: set "
    "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER"
)
_WHY_MOST = 200  # characters of what somebody else says of it
_NO_SUCH = "No such configuration property"
_LASTING = frozenset(
    {KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED, KafkaError._SSL}
)


def describe(error: KafkaError, right: str = "") -> str:
    """Say what a Kafka error means, in one sentence that keeps Kafka's own name for it.

    Args:
        error: of Kafka.
        right: the one without which what was tried is refused, as `Write`.
    """
    if may_not := _may_not(error.code(), right):
        missing = f" ({right})" if right else ""
        return f"{may_not}{missing}, {_MAY_NOT} [{error.name()}]"
    words = _words(error) or _IN_WORDS.get(error.code(), error.str())
    return f"{words} [{error.name()}]"


def _may_not(code: int, right: str) -> str:
    """What this user may not use; who may write to no topic at all is told so of the cluster."""
    if code == KafkaError.CLUSTER_AUTHORIZATION_FAILED and right == WRITE:
        code = KafkaError.TOPIC_AUTHORIZATION_FAILED
    return _RIGHTS.get(code, "")


def lasts(error: KafkaError) -> bool:
    """Whether waiting does not mend it: a person must."""
    return error.code() in _LASTING or _by_text(error) != ""


def refuses_login(error: KafkaError) -> bool:
    """Whether Kafka refuses who asks, rather than that it cannot be reached."""
    is_alert = error.code() == KafkaError._TRANSPORT and "SSL alert" in error.str()
    return error.code() in _LASTING or is_alert


def tells(error: KafkaError) -> bool:
    """Whether it says why, and not only that it did not work."""
    return error.code() not in _VAGUE or _words(error) != ""


def explain(error: KafkaError, why: KafkaError | None, *, reached: bool, right: str = "") -> str:
    """Say why a call failed.

    Args:
        error: of the call.
        why: what a client's error callback said last.
        reached: whether the broker has answered before.
        right: the one without which the call is refused.
    """
    if error.code() not in _VAGUE:
        return describe(error, right)
    cause = why or error
    if cause.code() == KafkaError._ALL_BROKERS_DOWN and not reached:
        return _SILENT
    away = cause.code() in _AWAY and not _words(cause) and error.code() not in _LATE[1:]
    mend = "; is it running?" if away else ""
    if why is None or (why.code() == error.code() and not _words(why)):
        return describe(error) + mend
    if error.code() in _LATE:
        return f"{describe(error)} ({describe(why)})"
    return describe(why) + mend


class Refused(NamedTuple):
    """A setting that librdkafka does not take; the name is empty where it does not say which."""

    name: str
    why: str


def refused(text: str, options: Mapping[str, str]) -> Refused:
    """Say why librdkafka makes no client of these options."""
    name = max((each for each in options if each in text), key=len, default="")
    why = text.partition(" client: ")[2] or text
    if _NO_SUCH in why:
        return Refused(name, f"Kafka has no setting {name}")
    if name.endswith(".location") and not Path(options[name]).exists():
        return Refused(name, f"Kafka's {name}: there is no file {options[name]}")
    if found := _NO_FILE.match(why):
        name = found[1]
        what = "or it is encrypted and ssl.key.password is wrong" if "key" in name else "in PEM"
        file = f"Kafka's {name}: {options.get(name, '')}"
        return Refused(name, f"{file} is not what it should be, {what} ({found[2]})")
    if "GSSAPI" in why:
        return Refused("sasl.mechanism", _NO_MECHANISM)
    return Refused(name, f"Kafka's settings: {why[:1].lower()}{why[1:]}")


def _words(error: KafkaError) -> str:
    if found := _NO_TOKEN.search(error.str()):
        why = " ".join(found[1].split())[:_WHY_MOST]
        return f"there is no token to log in with, check sasl.oauthbearer.*: {why}"
    if found := _MECHANISMS.search(error.str()):
        typed, taken = found[1], found[2].strip("()")
        if taken and taken != "after":
            return f"the broker does not take sasl.mechanism {typed}: it takes {taken}"
        return "the broker takes no login there: check the port, and security.protocol"
    return _by_text(error)


def _by_text(error: KafkaError) -> str:
    text = error.str()
    return next((w for c, part, w in _BY_TEXT if c == error.code() and re.search(part, text)), "")
