"""Ports of this machine, and whether a Kafka answers at one."""

from __future__ import annotations

import socket

from minuet.errors import BrokerError
from minuet.kafka.connection import Connection

HOST = "127.0.0.1"
ANSWER_S = 2.0


def is_free(port: int) -> bool:
    """Whether nobody listens there, on this or on all addresses."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Java does
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port that was free just now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def answers(bootstrap: str, cluster_id: str) -> bool:
    """Whether this very broker, known by its cluster id, answers a metadata request."""
    host, _, port = bootstrap.rpartition(":")
    try:  # cheaper than a client, which would also wait before it tries again
        socket.create_connection((host, int(port)), ANSWER_S).close()
    except OSError:
        return False
    try:
        metadata = Connection(bootstrap).reach(timeout_s=ANSWER_S)
    except BrokerError:
        return False
    return metadata.cluster_id == cluster_id and bool(metadata.brokers)
