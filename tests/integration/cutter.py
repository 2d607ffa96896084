"""Stands between clients and a broker, whatever they speak, and cuts all connections at once."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

from minuet.dev.network import HOST

_MOST = 65_536


class Cutter:
    """Passes on what comes to one port to another; a context manager."""

    def __init__(self, port: int, broker: int) -> None:
        self._server = socket.create_server((HOST, port), backlog=100)
        self._broker = broker
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._accepting = threading.Thread(target=self._accept, name="cutter", daemon=True)
        self._accepting.start()

    def __enter__(self) -> Cutter:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)  # wakes who accepts
        self._accepting.join()
        self._server.close()
        self.cut()

    def cut(self) -> int:
        """End every connection; how many there were. New ones are passed on again."""
        with self._lock:
            gone, self._open = self._open, set()
        for each in gone:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        return len(gone) // 2

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            try:
                broker = socket.create_connection((HOST, self._broker))
            except OSError:
                client.close()
                continue
            with self._lock:
                self._open |= {client, broker}
            for ends in ((client, broker), (broker, client)):
                threading.Thread(target=self._pass_on, args=ends, daemon=True).start()

    def _pass_on(self, said: socket.socket, to: socket.socket) -> None:
        with suppress(OSError):
            while data := said.recv(_MOST):
                to.sendall(data)
        with self._lock:
            self._open -= {said, to}
        for each in (said, to):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        said.close()
