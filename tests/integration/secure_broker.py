"""A broker that lets in only who has a password, over TLS, and gives each user few rights."""

from __future__ import annotations

import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
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
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from minuet.dev import jars, java, kafka_config, network, process
from minuet.errors import BrokerError
from minuet.kafka.connection import Connection

MECHANISM = "SCRAM-SHA-512"
USERS = ("admin", "reader", "nobody")
START_S = 120.0
STOP_S = 30.0
LOGIN = "org.apache.kafka.common.security.scram.ScramLoginModule"


@dataclass(frozen=True)
class SecureBroker:
    """Where it is, and who may come in.

    Args:
        bootstrap: its address.
        plain: the settings of librdkafka that a client needs, all but user and password.
        passwords: of each user; `admin` may do anything, `nobody` nothing.
        stranger: a certificate that has nothing to do with it.
    """

    bootstrap: str
    plain: dict[str, str]
    passwords: dict[str, str]
    stranger: Path

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


@contextmanager
def secure_broker(folder: Path) -> Iterator[SecureBroker]:
    """Start one in `folder`, on ports of its own; gone afterwards."""
    port, controller_port = network.free_port(), network.free_port()
    passwords = {user: uuid.uuid4().hex for user in USERS}
    certificate, stranger = self_signed(folder / "broker"), self_signed(folder / "stranger")
    ports = (port, controller_port)
    more = security(ports, certificate, passwords["admin"])
    config = kafka_config.write(folder, *ports, more)
    runtime, class_path = java.find(), jars.class_path(lambda *_: None)
    tool = kafka_config.command(runtime.path, class_path, folder, "kafka.tools.StorageTool")
    scram = [f"{MECHANISM}=[name={user},password={word}]" for user, word in passwords.items()]
    users = [word for one in scram for word in ("--add-scram", one)]
    cluster = ["format", "-t", "AAAAAAAAAAAAAAAAAAAAAQ", "-c", str(config)]
    subprocess.run([*tool, *cluster, *users], check=True, capture_output=True)
    server = kafka_config.command(runtime.path, class_path, folder, "kafka.Kafka")
    child = process.start([*server, str(config)], str(config), folder / "broker.log")
    plain = {
        "security.protocol": "SASL_SSL", "sasl.mechanism": MECHANISM,
        "ssl.ca.location": str(certificate),
    }  # fmt: skip
    broker = SecureBroker(f"{network.HOST}:{port}", plain, passwords, stranger)
    try:
        _wait(broker, child, folder / "broker.log")
        yield broker
    finally:
        child.stop(STOP_S)


def self_signed(path: Path) -> Path:
    """A certificate that signs itself, with its key in front in `path`.pem."""
    key = rsa.generate_private_key(65_537, 2_048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, path.name)])
    here = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName(here), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    encoding = Encoding.PEM
    secret = key.private_bytes(encoding, PrivateFormat.PKCS8, NoEncryption())
    path.with_suffix(".key").write_bytes(secret)
    certificate = path.with_suffix(".crt")
    certificate.write_bytes(signed.public_bytes(encoding))
    path.with_suffix(".pem").write_bytes(secret + certificate.read_bytes())
    return certificate


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
