"""Ports of this machine, and whether a Kafka answers at one."""

from __future__ import annotations

import random
import socket

from minuet.errors import BrokerError
from minuet.kafka.connection import Connection

HOST = "127.0.0.1"
ANSWER_S = 2.0
PORTS = range(15_000, 32_000)


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
    """A port that was free just now, below those that systems give to clients.

    A client that asks again and again for a broker which is down is given a port for each try, in
    the end the broker's own: then the broker cannot come back.
    """
    with socket.socket() as probe:
        for port in random.sample(PORTS, 100):
            if is_free(port):
                return port
        probe.bind((HOST, 0))
        anyone: int = probe.getsockname()[1]
        return anyone


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
