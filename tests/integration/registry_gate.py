"""Stands before a registry: asks for a login, speaks TLS, and is not there for a while.

An Apicurio of one's own is open to all and speaks plain HTTP; what stands before one in production
is a gate like this.
"""

from __future__ import annotations

import base64
import ssl
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from minuet.dev import network

USER, PASSWORD, TOKEN = "clerk", "a long word", "a.long.token"
LOGINS = (
    "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode(),
    f"Bearer {TOKEN}",
)
_PASSED_ON = ("content-type", "accept")


class Gate:
    """The gate; a context manager.

    Args:
        registry: the address behind it.
        asks: whether it wants a login, of which the registry behind it is told nothing.
        certificate: with which it speaks TLS; its key is beside it.

    Attributes:
        asked: how many requests came through.
    """

    def __init__(
        self, registry: str, *, asks: bool = False, certificate: Path | None = None
    ) -> None:
        self.asked = 0
        self.asks = asks
        self.certificate = certificate
        self._behind = urlsplit(registry)
        self._port = network.free_port()
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """Where it is, whether it stands there now or not."""
        scheme = "https" if self.certificate else "http"
        return f"{scheme}://{network.HOST}:{self._port}{self._behind.path}"

    def up(self) -> None:
        """Stand there."""
        server = ThreadingHTTPServer((network.HOST, self._port), _handler(self))
        if self.certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate, self.certificate.with_suffix(".key"))
            server.socket = context.wrap_socket(server.socket, server_side=True)
        self._server = server
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    def down(self) -> None:
        """Be gone; a connection lasts for one request, so none is left."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.down()

    def pass_on(self, request: BaseHTTPRequestHandler) -> tuple[int, bytes]:
        """What the registry says to a request."""
        self.asked += 1
        behind = HTTPConnection(self._behind.hostname or "", self._behind.port, timeout=60)
        body = request.rfile.read(int(request.headers.get("content-length", 0)))
        headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
        try:
            behind.request(request.command, request.path, body or None, headers)
            answer = behind.getresponse()
            return answer.status, answer.read()
        finally:
            behind.close()


def _handler(gate: Gate) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Answer."""
            if gate.asks and self.headers.get("authorization") not in LOGINS:
                status, body = 401, b'{"error_code": 401, "message": "Unauthorized"}'
            else:
                status, body = gate.pass_on(self)
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_PUT = do_DELETE = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Handler
