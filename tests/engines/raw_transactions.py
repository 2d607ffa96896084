"""Kafka's requests about transactions, by hand: what no client would send."""

from __future__ import annotations

import socket
import struct
import time
from dataclasses import dataclass

import pytest

from minuet.kafka.connection import Connection

END_TXN, DESCRIBE_TRANSACTIONS = 26, 65
PATIENCE_S = 10.0


@dataclass(frozen=True)
class Standing:
    """A transactional id as its coordinator has it."""

    state: str
    producer_id: int
    epoch: int


class Coordinator:
    """The broker that coordinates all transactions, as there is only one."""

    def __init__(self, connection: Connection) -> None:
        if "," in connection.bootstrap or connection.options:
            pytest.skip("requests made by hand go to one broker, which wants no login")
        host, _, port = connection.bootstrap.rpartition(":")
        self._address = (host, int(port))

    def end(self, name: str, standing: Standing, *, commit: bool) -> int:
        """End a transaction as librdkafka does (EndTxn v1); returns the error, 0 for none.

        Before it returns, the end stands on every partition: until then records are still taken.
        """
        identity = name.encode()
        body = struct.pack(">h", len(identity)) + identity
        body += struct.pack(">qh?", standing.producer_id, standing.epoch, commit)
        answer = self._ask(struct.pack(">hhih", END_TXN, 1, 1, -1) + body)
        [error] = struct.unpack_from(">h", answer, 8)  # after its number and a throttle time
        until = time.monotonic() + PATIENCE_S
        while not error and not self.standing(name).state.startswith("Complete"):
            assert time.monotonic() < until
        return int(error)

    def standing(self, name: str) -> Standing:
        """Ask how a transactional id stands (DescribeTransactions v0)."""
        identity = name.encode()
        body = bytes([2, len(identity) + 1]) + identity + b"\x00"
        answer = self._ask(struct.pack(">hhihb", DESCRIBE_TRANSACTIONS, 0, 1, -1, 0) + body)
        at = 4 + 1 + 4 + 1  # its number, no tags, a throttle time, one answer
        [error] = struct.unpack_from(">h", answer, at)
        assert error == 0, error
        _, at = _text(answer, at + 2)
        state, at = _text(answer, at)
        producer_id, epoch = struct.unpack_from(">qh", answer, at + 4 + 8)
        return Standing(state, producer_id, epoch)

    def _ask(self, request: bytes) -> bytes:
        with socket.create_connection(self._address, PATIENCE_S) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            stream = connection.makefile("rb")
            [length] = struct.unpack(">i", stream.read(4))
            return stream.read(length)


def _text(data: bytes, at: int) -> tuple[str, int]:
    length = data[at] - 1
    return data[at + 1 : at + 1 + length].decode(), at + 1 + length
