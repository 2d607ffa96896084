"""What the end of a handler means for its slot: an event, or a failure of some category.

The category of an exception is looked up in a table that users extend; the most specific class
that stands in it wins, as in an `except` that is written in the right order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from minuet.core.settle import Failure
from minuet.core.state import Entry
from minuet.duration import parse_ms
from minuet.errors import GiveUp, RetryLater
from minuet.event.model import Event
from minuet.step import StepDefinition

REASON_MOST = 500  # characters of what went wrong: it goes into headers and rows

BUILT_IN: Mapping[type[Exception], str] = {
    RetryLater: "retry",
    TimeoutError: "retry",
    ConnectionError: "retry",
    GiveUp: "reject",
    Exception: "bug",
}
_GRAVEST_FIRST = ("poison", "reject", "bug", "retry")


@dataclass(frozen=True, slots=True)
class Unbound:
    """A parameter whose bytes cannot be read."""

    entry: Entry
    reason: str


Ended = Event | Failure | Unbound


class Verdicts:
    """Says what the end of a handler means.

    Args:
        categories: what the workflow's own table adds to the built-in one.
    """

    def __init__(self, categories: Mapping[type[Exception], str]) -> None:
        self._categories = {**BUILT_IN, **categories}

    def outcome(self, step: StepDefinition, finished: asyncio.Future[Any]) -> Ended:
        """Return what a run that ended comes to."""
        if finished.cancelled():
            return Failure("bug", "the step cancelled itself")
        error = finished.exception()
        return self.checked(step, finished.result()) if error is None else self.failure(error)

    def checked(self, step: StepDefinition, result: object) -> Ended:
        """Return what a handler returned, if it may say so."""
        if isinstance(result, step.says):
            return result
        allowed = " or ".join(step.spec.says)
        return Failure("bug", f"{step.spec.name} returned {type(result).__name__}, not {allowed}")

    def failure(self, error: BaseException) -> Failure:
        """Return what an exception of a handler means for its slot."""
        text = in_words(error)
        category = self._category(error)
        if isinstance(error, GiveUp | RetryLater):
            text = _bounded(str(error.args[0]) if error.args else "") or type(error).__name__
        if not isinstance(error, RetryLater) or not error.after:
            return Failure(category, text)
        try:
            return Failure(category, text, parse_ms(error.after))
        except ValueError:
            return Failure(category, _bounded(f"after={error.after!r} is not a time: {text}"))

    def _category(self, error: BaseException) -> str:
        known = next((c for c in type(error).__mro__ if c in self._categories), None)
        if isinstance(error, BaseExceptionGroup) and known in (None, Exception):
            found = {self._category(one) for one in _members(error)}
            return next(category for category in _GRAVEST_FIRST if category in found)
        return self._categories[known] if known is not None else "bug"


def overdue(step: StepDefinition) -> Failure:
    """Return what it means that a run has not ended in time."""
    return Failure("retry", f"no answer within {step.spec.timeout_ms} ms")


def in_words(error: BaseException) -> str:
    """Return an exception as text, in bounds; whatever it does when it is asked for it."""
    name = type(error).__name__
    try:
        text = str(error)
    except Exception:
        text = "its text cannot be had"
    return _bounded(f"{name}: {text}" if text else name)


def _bounded(text: str) -> str:
    return text[:REASON_MOST]


def _members(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for one in group.exceptions:
        if isinstance(one, BaseExceptionGroup):
            yield from _members(one)
        else:
            yield one
