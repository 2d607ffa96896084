"""Runs the application until it is told to stop; what was accepted is finished first."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from minuet.errors import UsageError

_BACKLOG = 2048
_GRACE_S = 40  # longer than an event waits for its acknowledgement
_IDLE_S = 75  # a client's pool keeps connections for about a minute


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 for any.

    Raises:
        UsageError: the address cannot be had.
    """
    try:
        listener = socket.create_server(
            (host, port),
            family=socket.AF_INET6 if ":" in host else socket.AF_INET,
            backlog=_BACKLOG,
        )
    except OSError as error:
        message = f"--host {host} --port {port}: {error.strerror or error}"
        raise UsageError(message) from error
    # Connections inherit it. asyncio itself leaves it out for a listener that it did not make, and
    # then the body of an answer waits for the acknowledgement of its head: 40 ms for each request.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


@dataclass(frozen=True)
class Certificate:
    """What a TLS server shows, as files in PEM format; `key` is not encrypted.

    Raises:
        UsageError: they cannot be read, or do not belong together.
    """

    file: Path
    key: Path

    def __post_init__(self) -> None:
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
                self.file, self.key, password=lambda: b""
            )
        except ssl.SSLError as error:
            why = "no certificate and key in PEM that belong together, or the key is encrypted"
            message = f"--tls-cert {self.file} --tls-key {self.key}: {why}"
            raise UsageError(message) from error
        except OSError as error:
            why = error.strerror or str(error)
            message = f"--tls-cert {self.file} --tls-key {self.key}: {why}"
            raise UsageError(message) from error


def serve(
    app: ASGIApp,
    listener: socket.socket,
    listening: Callable[[], None],
    certificate: Certificate | None = None,
) -> int:
    """Serve until SIGTERM or Ctrl-C; returns the number of the signal.

    Args:
        app: what answers.
        listener: where.
        listening: called once requests are answered.
        certificate: for TLS; None for plain HTTP.
    """
    files = (certificate.file, certificate.key) if certificate is not None else (None, None)
    config = uvicorn.Config(
        app, loop="asyncio", http="httptools", ws="none", lifespan="on", access_log=False,
        log_config=None, server_header=False, proxy_headers=False,
        timeout_graceful_shutdown=_GRACE_S, timeout_keep_alive=_IDLE_S,
        ssl_certfile=files[0], ssl_keyfile=files[1],
    )  # fmt: skip
    server = _Server(config, listening)
    asyncio.run(server.serve(sockets=[listener]))
    return server.signal


class _Server(uvicorn.Server):
    """uvicorn's server, which ends instead of raising its signal again."""

    def __init__(self, config: uvicorn.Config, listening: Callable[[], None]) -> None:
        super().__init__(config)
        self.signal = 0
        self._listening = listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin, and say so."""
        await super().startup(sockets)
        if not self.should_exit:
            gc.collect()
            gc.freeze()  # what is there now stays: the collector need not look at it again
            self._listening()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGTERM and Ctrl-C; a second one does not wait."""
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self._stop) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop(self, number: int, _: FrameType | None) -> None:
        self.force_exit = self.should_exit
        self.should_exit, self.signal = True, number
