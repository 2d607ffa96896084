"""Coroutines driven by hand up to their first wait: most steps have none, and need no task."""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Suspended:
    """A coroutine that was driven up to its first wait, and what it waits for."""

    coroutine: Coroutine[Any, Any, Any]
    waits_for: Any

    def __await__(self) -> Generator[Any, Any, Any]:
        waits_for = self.waits_for
        while True:
            try:
                sent = yield waits_for
            except BaseException as error:
                try:
                    waits_for = self.coroutine.throw(error)
                except StopIteration as end:
                    return end.value
            else:
                try:
                    waits_for = self.coroutine.send(sent)
                except StopIteration as end:
                    return end.value


def drive(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Return what it returns, or, when it waits for something, the rest of it."""
    try:
        return Suspended(coroutine, coroutine.send(None))
    except StopIteration as end:
        return end.value


async def resume(suspended: Suspended) -> Any:
    """Go on with it, as a task does."""
    return await suspended
