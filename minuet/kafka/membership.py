"""A member that its group does not have any more, though Kafka answers.

A client that was told of no broker at all, as while the only one comes back, gives up all it knew;
librdkafka (its issue 5301, in 2.13 to 2.16 at least) then may never find its group again. No error
says so. Its requests wait in vain, and what it had it goes on reading beside whoever has it by now.
A process that starts anew finds its group.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from confluent_kafka import Consumer

from minuet.errors import BrokerError
from minuet.kafka.connection import Connection
from minuet.kafka.groups import is_listed

EVERY_S = 15.0  # the group is asked; that costs it some milliseconds
AGAIN_S = 5.0  # after it said no
TIMES = 3  # that it must say no, with nothing else in between: to join may take some seconds


class Membership:
    """Watches one member of a group; it is looked at by the thread that polls.

    Args:
        connection: where Kafka is.
        group: its name; `place`: by which it knows a member that was started again, if any.
        listed: asks the group whether it has a member of this name, or in this place.
        clock: a steady one, in s.
    """

    def __init__(
        self, connection: Connection, group: str, place: str = "", *,
        listed: Callable[[Connection, str, str, str], bool] = is_listed,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._connection, self._group, self._place = connection, group, place
        self._listed, self._clock = listed, clock
        self._inside = clock()
        self._ask_at = self._inside + EVERY_S
        self._noes = 0
        self._asking: threading.Thread | None = None

    def check(self, consumer: Consumer) -> None:
        """Have the group asked when it is time.

        Raises:
            BrokerError: the group does not have this member.
        """
        now = self._clock()
        if self._noes >= TIMES:
            message = (
                f"{self._connection.name}: group {self._group} has not had this member for "
                f"{now - self._inside:.0f} s, though Kafka answers: its client does not find back. "
                "Start it again, if nothing does"
            )
            raise BrokerError(message)
        if now >= self._ask_at and (self._asking is None or not self._asking.is_alive()):
            self._asking = threading.Thread(
                target=self._ask, args=(consumer.memberid() or "",), daemon=True
            )
            self._asking.start()

    def _ask(self, member: str) -> None:
        """On a thread of its own: the answer may take as long as a session."""
        try:
            there = self._listed(self._connection, self._group, member, self._place)
        except BrokerError:  # it waits for Kafka, as everybody does
            there = None
        now = self._clock()
        if there is False:
            self._noes, self._ask_at = self._noes + 1, now + AGAIN_S
        else:
            self._noes, self._ask_at = 0, now + EVERY_S
            self._inside = now if there else self._inside
