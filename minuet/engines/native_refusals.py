"""A login that Kafka refuses in mid-run: how long it has done so, and whether it still does.

A broker that is away comes back by itself, and a worker waits for it. A password that was changed,
or a certificate that expired, is read from its file only by a process that starts.
"""

from __future__ import annotations

import time

from confluent_kafka import KafkaError

from minuet.errors import BrokerError
from minuet.kafka.connection import Connection
from minuet.kafka.reasons import refuses_login

LASTING_S = 20.0  # a broker that has just started may not know its users yet
APART_S = 15.0  # a client tries again every ten seconds


class Refusals:
    """What the connections of one client were told of its login.

    Args:
        connection: where Kafka is.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._first = self._last = float("-inf")

    def heard(self, error: KafkaError) -> None:
        """Note an error of a connection."""
        if refuses_login(error):
            now = time.monotonic()
            if now - self._last > APART_S:
                self._first = now
            self._last = now

    def check(self) -> None:
        """Make sure, once it has been refused for long, that somebody else would be let in.

        Raises:
            BrokerError: nobody is, with these settings.
        """
        now = time.monotonic()
        if self._last - self._first < LASTING_S or now - self._last > APART_S:
            return
        try:
            self._connection.reach()
        except BrokerError as refused:
            if self._connection.refuses():
                raise refused from None
        self._first = self._last = float("-inf")
