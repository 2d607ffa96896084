"""A Faust app with the settings that Minuet needs, and its login from Minuet's own settings."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import faust
from faust.app.base import BootStrategy
from faust.types.auth import SASLMechanism

from minuet.engines.faust.transport import Transport
from minuet.errors import UsageError
from minuet.kafka.connection import Connection

SESSION_S = 6.0  # of silence, after which others take over
HEARTBEAT_S = 0.5


class _WithoutWeb(BootStrategy):
    """Starts no web server, whatever `faust worker` says: it would show tables to everybody."""

    enable_web = False


class App(faust.App):
    """A Faust app for nothing but Minuet's steps."""

    BootStrategy = _WithoutWeb


def new_app(connection: Connection, group: str, client_id: str, folder: Path) -> faust.App:
    """Make an app for a unit.

    Args:
        connection: where Kafka is.
        group: of the unit.
        client_id: what others see of its members.
        folder: where Faust may make its own.

    Raises:
        UsageError: Faust has no such login.
    """
    folder.mkdir(parents=True, exist_ok=True)
    app = App(
        group,
        broker=[f"kafka://{address}" for address in connection.bootstrap.split(",")],
        broker_client_id=client_id,
        broker_credentials=credentials(connection.options),
        broker_session_timeout=SESSION_S,
        broker_heartbeat_interval=HEARTBEAT_S,
        consumer_auto_offset_reset="earliest",
        stream_wait_empty=False,
        table_standby_replicas=0,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        datadir=str(folder),
    )
    use_transport(app)
    return app


def use_transport(app: faust.App) -> None:
    """Have an app that is not started read as Minuet needs it."""
    app.transport = Transport(app.conf.broker_consumer, app)


def credentials(options: Mapping[str, str]) -> Any:
    """Faust's credentials for librdkafka's settings; None where none are set.

    Raises:
        UsageError: Faust has no such login.
    """
    protocol = options.get("security.protocol", "plaintext").upper()
    context = _context(options) if protocol.endswith("SSL") else None
    if protocol == "PLAINTEXT":
        return None
    if protocol == "SSL":
        return faust.SSLCredentials(context)
    mechanism = options.get("sasl.mechanism", "PLAIN").upper()
    if mechanism not in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"):
        message = f"sasl.mechanism {mechanism}: on Faust a login is PLAIN or SCRAM"
        raise UsageError(message)
    return faust.SASLCredentials(
        username=options.get("sasl.username", ""),
        password=options.get("sasl.password", ""),
        ssl_context=context,
        mechanism=SASLMechanism(mechanism),
    )


def _context(options: Mapping[str, str]) -> ssl.SSLContext:
    _refuse(options, ("ssl.ca.pem", "ssl.certificate.pem", "ssl.key.pem", "ssl.keystore.location"))
    context = ssl.create_default_context(cafile=options.get("ssl.ca.location"))
    context.check_hostname = options.get("ssl.endpoint.identification.algorithm", "https") != "none"
    certificate = options.get("ssl.certificate.location")
    if certificate:
        password = options.get("ssl.key.password")
        context.load_cert_chain(certificate, options.get("ssl.key.location"), password)
    return context


def _refuse(options: Mapping[str, str], names: Iterable[str]) -> None:
    for name in names:
        if name in options:
            message = f"{name}: on Faust certificates and keys are files: set ssl.….location"
            raise UsageError(message)
