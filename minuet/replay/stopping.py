"""Ctrl-C and SIGTERM end the reading between two records, and never in the midst of one."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

T = TypeVar("T")

_INTERRUPTED, _TERMINATED = 130, 143


class Stopping:
    """Whether somebody wants it to end.

    Attributes:
        code: the exit code then; 0 while nobody does.
    """

    def __init__(self) -> None:
        self.code = 0
        self._at_once = False

    def until(self, records: Iterator[T]) -> Iterator[T]:
        """Each record, until somebody wants it to end."""
        while not self.code:
            try:
                with self.at_once():
                    record = next(records)
            except (StopIteration, KeyboardInterrupt):
                return
            yield record

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """A signal ends at once what is done meanwhile: a KeyboardInterrupt."""
        self._at_once = True
        try:
            yield
        finally:
            self._at_once = False

    def stop(self, number: int, _: FrameType | None = None) -> None:
        """What a signal does; a second one ends at once what still waits."""
        again = bool(self.code)
        self.code = _INTERRUPTED if number == signal.SIGINT else _TERMINATED
        if self._at_once or again:
            raise KeyboardInterrupt

    @contextmanager
    def heard(self) -> Iterator[Stopping]:
        """Listen to the signals meanwhile."""
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self.stop) for number in numbers}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
