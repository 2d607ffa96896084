"""Minuet: Kafka choreography. Steps are typed functions, a saga is a table, the log decides.

This is the public face; all else may change. Each name is imported when it is first asked for: a
module of events or steps needs no Kafka client, and `minuet --help` no models.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from minuet.errors import GiveUp, MinuetError, RetryLater
    from minuet.event.marks import Formerly, Pii, Wire, contract
    from minuet.event.model import Event, Request
    from minuet.event.upcast import upcast
    from minuet.publish import AsyncPublisher, Publisher
    from minuet.saga import Deadline, Migrate, Saga, Undo
    from minuet.step import Backoff, Context, step

__all__ = [
    "AsyncPublisher",
    "Backoff",
    "Context",
    "Deadline",
    "Event",
    "Formerly",
    "GiveUp",
    "Migrate",
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
    "upcast",
]

_FROM = {
    "minuet.errors": ("GiveUp", "MinuetError", "RetryLater"),
    "minuet.event.marks": ("Formerly", "Pii", "Wire", "contract"),
    "minuet.event.model": ("Event", "Request"),
    "minuet.event.upcast": ("upcast",),
    "minuet.publish": ("AsyncPublisher", "Publisher"),
    "minuet.saga": ("Deadline", "Migrate", "Saga", "Undo"),
    "minuet.step": ("Backoff", "Context", "step"),
}
_HOMES = {name: home for home, names in _FROM.items() for name in names}


class _Face(ModuleType):
    """This package, with each public name imported when it is first asked for."""

    def __getattr__(self, name: str) -> object:
        if name not in _HOMES:
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        found = getattr(import_module(_HOMES[name]), name)
        vars(self)[name] = found
        return found

    def __dir__(self) -> list[str]:
        return sorted({*vars(self), *__all__})

    def __setattr__(self, name: str, value: object) -> None:
        if name != "step" or not isinstance(value, ModuleType):  # the decorator, not its module
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Face
