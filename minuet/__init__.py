"""Minuet: Kafka choreography. Steps are typed functions, a saga is a table, the log decides.

This is the public face; all else may change. The publisher is imported when it is first asked
for: a module of events or steps needs no Kafka client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minuet.errors import GiveUp, MinuetError, RetryLater
from minuet.event.marks import Formerly, Pii, Wire, contract
from minuet.event.model import Event, Request
from minuet.saga import Deadline, Saga, Undo
from minuet.step import Backoff, Context, step

if TYPE_CHECKING:
    from minuet.publish import AsyncPublisher, Publisher

__all__ = [
    "AsyncPublisher",
    "Backoff",
    "Context",
    "Deadline",
    "Event",
    "Formerly",
    "GiveUp",
    "MinuetError",
    "Pii",
    "Publisher",
    "Request",
    "RetryLater",
    "Saga",
    "Undo",
    "Wire",
    "contract",
    "step",
]


def __getattr__(name: str) -> object:
    if name in ("AsyncPublisher", "Publisher"):
        from minuet import publish

        return getattr(publish, name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
