"""Where clients get their tokens: an OAuth 2 endpoint of its own, over HTTP on loopback."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.integration.certificates import Issuer


class Endpoint(ThreadingHTTPServer):
    """Gives a client with the right secret a token of an issuer.

    Attributes:
        issuer: whose tokens they are; lives_s: for how long.
        given: how many were.
    """

    def __init__(self, issuer: Issuer, secret: str) -> None:
        super().__init__(("127.0.0.1", 0), _Asked)
        self.issuer, self.secret = issuer, secret
        self.lives_s = 600.0
        self.given = 0

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_port}/token"

    def answer(self, login: str) -> tuple[int, dict[str, object]]:
        """What a client is told that logs in so, `NAME:SECRET`."""
        name, _, secret = login.partition(":")
        if secret != self.secret:
            return 401, {"error": "invalid_client"}
        self.given += 1
        token = self.issuer.token(name, self.lives_s)
        return 200, {"access_token": token, "token_type": "Bearer", "expires_in": self.lives_s}


class _Asked(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        """Answer a client that shows its name and secret."""
        self.rfile.read(int(self.headers["Content-Length"]))
        login = base64.b64decode(self.headers["Authorization"].partition(" ")[2]).decode()
        code, found = self.server.answer(login)
        body = json.dumps(found).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def token_endpoint(issuer: Issuer, secret: str) -> Iterator[Endpoint]:
    """Start one; gone afterwards."""
    endpoint = Endpoint(issuer, secret)
    thread = threading.Thread(target=endpoint.serve_forever, daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        endpoint.shutdown()
        endpoint.server_close()
        thread.join()
