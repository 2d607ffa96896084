"""The proxy, between a client and a server that answers each request with its number."""

from __future__ import annotations

import socket
import socketserver
import struct
import threading
from collections.abc import Iterator

import pytest

from minuet.chaos.proxy import PRODUCE, Proxy
from minuet.dev.network import HOST, free_port

FETCH = 1
LARGE = 300_000  # more than goes through at once


class Answering(socketserver.ThreadingTCPServer):
    """Keeps which requests it was asked, as (api, number)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__((HOST, 0), _Answerer)
        self.asked: list[tuple[int, int]] = []


class _Answerer(socketserver.StreamRequestHandler):
    server: Answering

    def handle(self) -> None:
        while head := self.rfile.read(4):
            frame = self.rfile.read(*struct.unpack(">i", head))
            api, _, number = struct.unpack_from(">hhi", frame)
            self.server.asked.append((api, number))
            answer = struct.pack(">i", number) + frame[8:]
            self.wfile.write(struct.pack(">i", len(answer)) + answer)


class Client:
    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection((HOST, port), 30)
        self._file = self._socket.makefile("rb")

    def ask(self, api: int, number: int, body: bytes = b"") -> bytes | None:
        """The answer; None when the connection was cut instead."""
        frame = struct.pack(">hhi", api, 9, number) + body
        try:
            self._socket.sendall(struct.pack(">i", len(frame)) + frame)
            head = self._file.read(4)
            return self._file.read(*struct.unpack(">i", head)) if head else None
        except ConnectionError:
            return None

    def close(self) -> None:
        self._file.close()
        self._socket.close()


@pytest.fixture
def server() -> Iterator[Answering]:
    with Answering() as answering:
        threading.Thread(target=answering.serve_forever, daemon=True).start()
        yield answering
        answering.shutdown()


def test_requests_and_answers_go_through_as_they_are(server: Answering) -> None:
    with Proxy(free_port(), server.server_address[1]) as proxy:
        client = Client(proxy.port)
        body = b"." * LARGE
        assert client.ask(PRODUCE, 1, body) == struct.pack(">i", 1) + body
        assert client.ask(FETCH, 2) == struct.pack(">i", 2)
        client.close()
    assert (server.asked, proxy.cuts) == ([(PRODUCE, 1), (FETCH, 2)], 0)


def test_an_append_goes_through_and_instead_of_its_answer_the_connection_is_cut(
    server: Answering,
) -> None:
    with Proxy(free_port(), server.server_address[1]) as proxy:
        reader, writer = Client(proxy.port), Client(proxy.port)
        proxy.cutting = True
        assert reader.ask(FETCH, 1) == struct.pack(">i", 1)
        assert writer.ask(PRODUCE, 2) is None
        assert reader.ask(FETCH, 3) == struct.pack(">i", 3)  # no other connection is
        proxy.cutting = False
        again = Client(proxy.port)
        assert again.ask(PRODUCE, 2) == struct.pack(">i", 2)
        for client in (reader, writer, again):
            client.close()
    assert server.asked == [(FETCH, 1), (PRODUCE, 2), (FETCH, 3), (PRODUCE, 2)]
    assert proxy.cuts == 1


def test_where_no_server_listens_the_connection_is_cut() -> None:
    port = free_port()
    with Proxy(free_port(), port) as proxy:
        client = Client(proxy.port)
        assert client.ask(FETCH, 1) is None
        client.close()


def test_a_port_that_is_taken_is_told(server: Answering) -> None:
    with pytest.raises(OSError, match="address already in use"), Proxy(server.server_address[1], 1):
        pass
