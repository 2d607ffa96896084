"""A broker that lets in only who has a password, over TLS, and gives each user few rights."""

from __future__ import annotations

import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from minuet.dev import jars, java, kafka_config, network, process
from minuet.errors import BrokerError
from minuet.kafka.connection import Connection
from tests.integration.certificates import Authority, Issuer, self_signed
from tests.integration.cutter import Cutter

MECHANISM = "SCRAM-SHA-512"
USERS = ("admin", "reader", "nobody")
START_S = 120.0
STOP_S = 30.0
OAUTH_MODULE = "OAuthBearerLoginModule required;"
OAUTH = "org.apache.kafka.common.security.oauthbearer"
LOGIN = "org.apache.kafka.common.security.scram.ScramLoginModule"


@dataclass(frozen=True)
class SecureBroker:
    """Where it is, and who may come in.

    Args:
        bootstrap: its address.
        plain: the settings of librdkafka that a client needs, all but user and password.
        passwords: of each user; `admin` may do anything, `nobody` nothing.
        stranger: a certificate that has nothing to do with it.
        token_at: where it wants a token that `issuer` signed.
        cut_at: the same as `bootstrap`, behind what can `cut` all connections.
        cert_at: where it wants a certificate that `authority` signed, behind another one of those.
    """

    bootstrap: str
    plain: dict[str, str]
    passwords: dict[str, str]
    stranger: Path
    token_at: str
    issuer: Issuer
    cut_at: str
    cut: Cutter
    cert_at: str
    cert: Cutter
    authority: Authority

    def by_certificate(self, certificate: Path) -> dict[str, str]:
        """The settings of a client that shows a certificate."""
        return {
            "security.protocol": "SSL",
            "ssl.ca.location": self.plain["ssl.ca.location"],
            "ssl.certificate.location": str(certificate),
            "ssl.key.location": str(certificate.with_suffix(".key")),
        }

    def options(self, user: str = "admin", password: str = "") -> dict[str, str]:
        """The settings of a client."""
        login = {"sasl.username": user, "sasl.password": password or self.passwords[user]}
        return {**self.plain, **login}

    def connection(self, user: str = "admin") -> Connection:
        """A connection of Minuet's."""
        return Connection(self.bootstrap, self.options(user))

    def admit(self, *users: str) -> None:
        """Let users in, and wait until the broker knows them."""
        terms = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        for user in users:
            self.passwords.setdefault(user, uuid.uuid4().hex)
        changes = [
            UserScramCredentialUpsertion(user, terms, self.passwords[user].encode())
            for user in users
        ]
        admin = self.connection().admin()
        for done in admin.alter_user_scram_credentials([*changes]).values():
            done.result(START_S)
        until = time.monotonic() + START_S
        while not self._knows(users[-1]):
            assert time.monotonic() < until, users
            time.sleep(0.05)

    def _knows(self, user: str) -> bool:
        try:
            self.connection(user).reach(timeout_s=2)
        except BrokerError:
            return False
        return True

    def allow(self, user: str, kind: ResourceType, prefix: str, *operations: AclOperation) -> None:
        """Give a user rights, and wait until the broker knows them."""
        wanted = [
            AclBinding(
                kind, prefix, ResourcePatternType.PREFIXED, f"User:{user}", "*", operation,
                AclPermissionType.ALLOW,
            )
            for operation in operations
        ]  # fmt: skip
        admin: AdminClient = self.connection().admin()
        for done in admin.create_acls(wanted).values():
            done.result(START_S)
        until = time.monotonic() + START_S
        while not self._obeys(admin, set(wanted)):  # the answer comes before it does
            assert time.monotonic() < until, wanted
            time.sleep(0.05)

    def _obeys(self, admin: AdminClient, wanted: set[AclBinding]) -> bool:
        """Whether the broker that decides about requests knows these rights."""
        every = AclBindingFilter(
            ResourceType.ANY, None, ResourcePatternType.ANY, None, None,  # type: ignore[arg-type]
            AclOperation.ANY, AclPermissionType.ANY,
        )  # fmt: skip
        return wanted <= set(admin.describe_acls(every).result(START_S))


@dataclass(frozen=True)
class Ports:
    """Of each listener; of what stands behind a cutter, where clients go and where it is."""

    scram: int
    token: int
    controller: int
    cut: tuple[int, int]
    cert: tuple[int, int]


@contextmanager
def secure_broker(folder: Path) -> Iterator[SecureBroker]:
    """Start one in `folder`, on ports of its own; gone afterwards."""
    scram, token, controller, *four = (network.free_port() for _ in range(7))
    ports = Ports(scram, token, controller, (four[0], four[1]), (four[2], four[3]))
    passwords = {user: uuid.uuid4().hex for user in USERS}
    certificate, stranger = self_signed(folder / "broker"), self_signed(folder / "stranger")
    authority, issuer = Authority(folder / "authority"), Issuer(folder / "keys.json")
    trusted = (certificate.read_bytes(), authority.certificate.read_bytes())
    (folder / "trusted.pem").write_bytes(b"".join(trusted))
    keys = folder / "keys.json"
    more = _more(folder, ports, certificate, passwords["admin"])
    config = kafka_config.write(folder, ports.scram, ports.controller, more)
    child = _started(folder, config, passwords, keys)
    plain = {
        "security.protocol": "SASL_SSL", "sasl.mechanism": MECHANISM,
        "ssl.ca.location": str(certificate),
    }  # fmt: skip
    with Cutter(*ports.cut) as cut, Cutter(*ports.cert) as cert:
        broker = SecureBroker(
            f"{network.HOST}:{scram}", plain, passwords, stranger,
            f"{network.HOST}:{token}", issuer,
            f"{network.HOST}:{ports.cut[0]}", cut,
            f"{network.HOST}:{ports.cert[0]}", cert, authority,
        )  # fmt: skip
        try:
            _wait(broker, child, folder / "broker.log")
            yield broker
        finally:
            child.stop(STOP_S)


def _started(folder: Path, config: Path, passwords: dict[str, str], keys: Path) -> process.Process:
    runtime, class_path = java.find(), jars.class_path(lambda *_: None)
    tool = kafka_config.command(runtime.path, class_path, folder, "kafka.tools.StorageTool")
    scram = [f"{MECHANISM}=[name={user},password={word}]" for user, word in passwords.items()]
    users = [word for one in scram for word in ("--add-scram", one)]
    cluster = ["format", "-t", "AAAAAAAAAAAAAAAAAAAAAQ", "-c", str(config)]
    subprocess.run([*tool, *cluster, *users], check=True, capture_output=True)
    java_path, *rest = kafka_config.command(runtime.path, class_path, folder, "kafka.Kafka")
    may = [f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={keys.as_uri()}"]
    may += [f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.files={keys}"]
    command = [java_path, *may, *rest, str(config)]
    return process.start(command, str(config), folder / "broker.log")


def security(ports: tuple[int, int], certificate: Path, password: str) -> dict[str, str]:
    """The settings of a node that wants TLS and a login; ports: of clients, and of controllers."""
    host, (port, controller_port) = network.HOST, ports
    module = f'{LOGIN} required username="admin" password="{password}";'
    return {
        "inter.broker.listener.name": "SASL_SSL",
        "listener.security.protocol.map": "SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT",
        "listeners": f"SASL_SSL://{host}:{port},CONTROLLER://{host}:{controller_port}",
        "advertised.listeners": f"SASL_SSL://{host}:{port}",
        "sasl.enabled.mechanisms": MECHANISM,
        "sasl.mechanism.inter.broker.protocol": MECHANISM,
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": module,
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(certificate.with_suffix(".pem")),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(certificate),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:admin;User:ANONYMOUS",  # the controllers, on loopback
    }


def _more(folder: Path, ports: Ports, certificate: Path, password: str) -> dict[str, str]:
    """The settings of a node that wants a password, a token or a certificate, each elsewhere."""
    host, keys = network.HOST, folder / "keys.json"
    own = security((ports.scram, ports.controller), certificate, password)
    kinds = "CUT:SASL_SSL,TOKEN:SASL_SSL,CERT:SSL"
    token = f"TOKEN://{host}:{ports.token}"
    behind = f"CUT://{host}:{ports.cut[1]},CERT://{host}:{ports.cert[1]}"
    before = f"CUT://{host}:{ports.cut[0]},CERT://{host}:{ports.cert[0]}"
    login = own["listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config"]
    handler = "oauthbearer.sasl.server.callback.handler.class"
    return own | {
        "listener.security.protocol.map": f"{own['listener.security.protocol.map']},{kinds}",
        "listeners": f"{own['listeners']},{token},{behind}",
        "advertised.listeners": f"{own['advertised.listeners']},{token},{before}",
        "listener.name.cut.scram-sha-512.sasl.jaas.config": login,
        "listener.name.token.sasl.enabled.mechanisms": "OAUTHBEARER",
        "listener.name.token.oauthbearer.sasl.jaas.config": f"{OAUTH}.{OAUTH_MODULE}",
        f"listener.name.token.{handler}": f"{OAUTH}.OAuthBearerValidatorCallbackHandler",
        "sasl.oauthbearer.jwks.endpoint.url": keys.as_uri(),
        "sasl.oauthbearer.expected.audience": Issuer.audience,
        "sasl.oauthbearer.expected.issuer": Issuer.name,
        "listener.name.cert.ssl.client.auth": "required",
        "ssl.truststore.location": str(folder / "trusted.pem"),
    }


def _wait(broker: SecureBroker, child: process.Process, log: Path) -> None:
    until = time.monotonic() + START_S
    while True:
        try:
            broker.connection().reach(timeout_s=2)
        except BrokerError:
            if not child.is_alive() or time.monotonic() > until:
                raise AssertionError(log.read_text()) from None
            time.sleep(0.1)
        else:
            return
