"""Where requests are waited for."""

from __future__ import annotations

import socket

import pytest

from minuet.errors import UsageError
from minuet.ingest.serving import listen


def test_an_answer_waits_for_no_acknowledgement_of_its_head() -> None:
    with listen("127.0.0.1", 0) as listener:
        with socket.create_connection(listener.getsockname()):
            connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_an_address_that_is_taken_is_told() -> None:
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(UsageError, match=f"--host 127.0.0.1 --port {port}: Address already"):
            listen("127.0.0.1", port)
