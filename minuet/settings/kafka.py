"""Names of librdkafka's settings: those that Minuet keeps to itself, and those that are secret."""

from __future__ import annotations

from collections.abc import Mapping

_BROKER = "the broker is named by --bootstrap, MINUET_BOOTSTRAP_SERVERS or [tool.minuet] bootstrap"
_SAFE = "an event that is acknowledged stands on every replica in sync, once and in order"
_PLACE = "every client must put a key into the same partition, as Java's does"
_COMMIT = "a position is committed only past what is durable"
_GROUP = "the group is the unit's: --group names it"
_READ = "reading begins where the rules of restoring say, and nothing is passed over"
_MEMBER = "workers see by it what each other does"

OWNED: Mapping[str, str] = {
    "bootstrap.servers": _BROKER,
    "metadata.broker.list": _BROKER,
    "acks": _SAFE,
    "request.required.acks": _SAFE,
    "enable.idempotence": _SAFE,
    "enable.gapless.guarantee": _SAFE,
    "transactional.id": _SAFE,
    "partitioner": _PLACE,
    "enable.auto.commit": _COMMIT,
    "enable.auto.offset.store": _COMMIT,
    "auto.offset.reset": _READ,
    "isolation.level": _READ,
    "enable.partition.eof": _READ,
    "group.id": _GROUP,
    "group.instance.id": _GROUP,
    "group.protocol": _GROUP,
    "group.remote.assignor": _GROUP,
    "partition.assignment.strategy": _GROUP,
    "client.id": _MEMBER,
}
"""Name -> why nobody else may set it."""

_SECURITY = ("security.", "sasl.", "ssl.", "enable.ssl.", "enable.sasl.", "https.")
_SECRET = ("password", "secret", "passphrase", "key.pem", "oauthbearer.config")
_SAME = {"sasl.mechanisms": "sasl.mechanism"}  # or one from a file and one typed would both count
_WITH_UNDERSCORE = {"log.level": "log_level"}


def refusal(name: str) -> str:
    """Why this setting is not to be set; empty when it may be."""
    why = OWNED.get(name, "")
    return f"Kafka's {name} is Minuet's own to set: {why}; leave it out" if why else ""


def is_secret(name: str) -> bool:
    """Whether its value must not be shown, or stand in a file that is committed."""
    return any(part in name.lower() for part in _SECRET)


def is_security(name: str) -> bool:
    """Whether it says how to log in, or how the connection is kept safe."""
    return name.startswith(_SECURITY)


def login(options: Mapping[str, str]) -> str:
    """Who logs in, as far as the settings say so: the name of a user, a client, or a certificate.

    The broker may know a client or a certificate by another name.
    """
    if options.get("sasl.mechanism", "").upper() == "OAUTHBEARER":
        client = options.get("sasl.oauthbearer.client.id", "")
        return f"client {client}" if client else "a token"
    if user := options.get("sasl.username", ""):
        return f"user {user}"
    certificate = options.get("ssl.certificate.location") or options.get("ssl.keystore.location")
    return f"certificate {certificate}" if certificate else ""


def one_name(name: str) -> str:
    """The name under which a setting is kept, however it was written."""
    return _SAME.get(name, name)


def of_variable(words: str) -> str:
    """The setting that the rest of a variable's name means: `sasl_password` is sasl.password."""
    name = words.replace("_", ".")
    return one_name(_WITH_UNDERSCORE.get(name, name))
