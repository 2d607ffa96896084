"""Kafka in a container, by testcontainers, which knows no official image of Kafka by itself."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from minuet.dev.kafka_config import HEAP, ONE_NODE, SMALL
from minuet.errors import BrokerError, UsageError
from minuet.testing.broker import Kafka

KAFKA = "apache/kafka:4.4.0"

_START = "/etc/kafka/docker/run"
_START_S = 120  # 9 s on a quiet machine
_CONTROLLER_PORT = 9094
_MODE = "TESTCONTAINERS_CONNECTION_MODE"


@contextmanager
def kafka(image: str, _: Path) -> Iterator[Kafka]:
    """Start a broker from an image with the layout of apache/kafka; it is gone after the block.

    Raises:
        UsageError: testcontainers is not installed.
        BrokerError: Docker is not there, has no such image, or it did not start.
    """
    _reach_daemon()
    container = _container(image)
    try:
        container.start(_START_S)
    except Exception as error:  # whatever Docker's client, or a wait, can raise
        container.stop()
        reason = str(error).partition("\n")[0]
        message = f"no Kafka from {image}: {type(error).__name__}: {reason}"
        raise BrokerError(message) from error
    try:
        yield Kafka(container.get_bootstrap_server())
    finally:
        container.stop()


def _reach_daemon() -> None:
    """Have testcontainers reach a daemon that shares our network by its ports on this machine.

    It takes every process in a container for one that has to go by the bridge.
    """
    ours = Path("/.dockerenv").exists() and Path("/sys/class/net/docker0").exists()
    if ours:
        os.environ.setdefault(_MODE, "docker_host")


def settings(listeners: str, protocols: str) -> dict[str, str]:
    """The variables of a broker that is alone, as the image reads them."""
    own = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "listeners": f"{listeners},CONTROLLER://0.0.0.0:{_CONTROLLER_PORT}",
        "listener.security.protocol.map": f"{protocols},CONTROLLER:PLAINTEXT",
        "controller.quorum.voters": f"1@localhost:{_CONTROLLER_PORT}",
        "controller.listener.names": "CONTROLLER",
    }
    names = {**ONE_NODE, **own}
    found = {f"KAFKA_{name.upper().replace('.', '_')}": value for name, value in names.items()}
    java = {"KAFKA_HEAP_OPTS": " ".join(HEAP), "KAFKA_JVM_PERFORMANCE_OPTS": " ".join(SMALL)}
    return {**found, **java}


def _container(image: str) -> Any:
    try:
        from testcontainers.community.kafka import KafkaContainer
    except ImportError as error:
        message = "--kafka=docker needs testcontainers: pip install 'minuet[testing]'"
        raise UsageError(message) from error

    class ApacheKafka(KafkaContainer):
        """A container of the official image; its own class knows Confluent's."""

        def configure(self) -> None:
            self.with_env("CLUSTER_ID", self.cluster_id)
            self.env.pop("KAFKA_BROKER_ID", None)
            for name, value in settings(self.listeners, self.security_protocol_map).items():
                self.with_env(name, value)
            self.wait_for = re.compile(r".*Kafka Server started.*")

        def tc_start(self) -> None:
            inside = "BROKER://$(hostname -i | cut -d' ' -f1):9092"
            told = f"{self.listener_name}://{self.get_bootstrap_server()},{inside}"
            lines = ("#!/bin/bash", f"export KAFKA_ADVERTISED_LISTENERS={told}", f"exec {_START}")
            self.create_file("\n".join((*lines, "")).encode(), self.TC_START_SCRIPT)

    return ApacheKafka(image)
