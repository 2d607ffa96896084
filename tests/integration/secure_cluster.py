"""Three nodes that let in only who has a password, over TLS."""

from __future__ import annotations

import subprocess
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from minuet.dev import jars, java, kafka_config, network, process
from minuet.dev.broker import new_cluster_id
from minuet.errors import BrokerError
from minuet.kafka.connection import Connection
from tests.integration.certificates import self_signed
from tests.integration.secure_broker import (
    MECHANISM,
    START_S,
    STOP_S,
    security,
)

NODES = 3
USER = "admin"


@contextmanager
def secure_cluster(folder: Path) -> Iterator[Connection]:
    """Start the nodes; the connection has the login of who may do anything."""
    folder.mkdir(parents=True, exist_ok=True)
    password, cluster_id = uuid.uuid4().hex, new_cluster_id()
    certificate = self_signed(folder / "broker")
    ports = [network.free_port() for _ in range(NODES)]
    controllers = [network.free_port() for _ in range(NODES)]
    runtime, class_path = java.find(), jars.class_path(lambda *_: None)

    nodes = ExitStack()

    def start(number: int) -> None:
        home = folder / str(number)
        home.mkdir()
        here = (ports[number - 1], controllers[number - 1])
        more = {
            **kafka_config.of_cluster(number, controllers),
            **security(here, certificate, password),
        }
        config = kafka_config.write(home, *here, more)
        tool = kafka_config.command(runtime.path, class_path, home, "kafka.tools.StorageTool")
        scram = f"{MECHANISM}=[name={USER},password={password}]"
        arguments = ["format", "-t", cluster_id, "-c", str(config), "--add-scram", scram]
        subprocess.run([*tool, *arguments], check=True, capture_output=True)
        server = kafka_config.command(runtime.path, class_path, home, "kafka.Kafka")
        child = process.start([*server, str(config)], str(config), home / "broker.log")
        nodes.callback(child.stop, STOP_S)

    bootstrap = ",".join(f"{network.HOST}:{port}" for port in ports)
    login = {
        "security.protocol": "SASL_SSL", "sasl.mechanism": MECHANISM,
        "ssl.ca.location": str(certificate), "sasl.username": USER, "sasl.password": password,
    }  # fmt: skip
    connection = Connection(bootstrap, login)
    with nodes:
        with ThreadPoolExecutor(NODES) as pool:
            list(pool.map(start, range(1, NODES + 1)))
        _wait(connection)
        yield connection


def _wait(connection: Connection) -> None:
    """Wait until every node is known to the others."""
    until = time.monotonic() + 2 * START_S
    while True:
        try:
            if len(connection.reach(timeout_s=2).brokers) == NODES:
                return
        except BrokerError as error:
            why = str(error)
        else:
            why = "not every node is there"
        assert time.monotonic() < until, why
        time.sleep(0.2)
