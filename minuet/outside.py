"""What a saga says of the outside, beside its table: resources, what their errors mean, breakers.

It stands in the workflow's own module, next to the services that the steps reach.
"""

from __future__ import annotations

import inspect
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from minuet.duration import parse_ms
from minuet.errors import GiveUp, RetryLater
from minuet.spec.model import CATEGORIES, BreakerSpec

Factory = Callable[[], object]

_HERE = ("minuet.outside", "minuet.saga")


@dataclass(frozen=True, slots=True)
class Provided:
    """The two forms of a resource, None where there is none, and where that is written."""

    real: Factory | None
    simulated: Factory | None
    place: tuple[str, int] = ("", 0)


class Outside(ABC):
    """The part of a saga that speaks of the outside."""

    provided: dict[type, Provided]
    categories: dict[type[Exception], str]
    breakers: dict[str, BreakerSpec]

    @abstractmethod
    def refuse(
        self, message: str, mend: str, place: tuple[str, int] | None = None, *,
        rule: str = "definition",
    ) -> NoReturn:  # fmt: skip
        """Raise the error that names the saga, its place, what is wrong and how to mend it."""

    def provide(
        self, resource: type, *, real: Factory | None = None, simulated: Factory | None = None
    ) -> None:
        """Name the real and the simulated form of a resource: classes, or functions, without
        arguments, each called once for a worker. What has an `async def aclose(self)` is closed
        when the worker stops.

        Raises:
            DefinitionError: there is no form, or it is provided already.
        """
        place = written_at()
        if not isinstance(resource, type):
            self.refuse(f"{resource!r} is not a class", "provide a class; steps ask by it", place)
        name = resource.__name__
        if resource in self.provided:
            self.refuse(f"{name} is provided twice", "write both forms in one `provide`", place)
        if real is None and simulated is None:
            mend = f"name one: provide({name}, real=..., simulated=...)"
            self.refuse(f"{name} is provided without a form", mend, place)
        for form in (real, simulated):
            if form is not None and not _callable_without_arguments(form):
                mend = "give a class or a function that can be called without arguments"
                self.refuse(f"{name} cannot be made by {form!r}", mend, place)
        self.provided[resource] = Provided(real, simulated, place)

    def errors(self, table: Mapping[type[Exception], str]) -> None:
        """Say what exceptions of the steps mean; the most specific class wins.

        Args:
            table: exception class -> `retry` (may pass), `reject` (never again: a person
                decides), `poison` (the input is at fault; never again, either) or `bug` (a few
                tries, then a person). Not in it: timeouts and connection errors are `retry`,
                all else is `bug`.

        Raises:
            DefinitionError: a row cannot be, or speaks of a class again.
        """
        place = written_at()
        for error, category in table.items():
            if not isinstance(error, type) or not issubclass(error, Exception):
                mend = 'write classes, as errors({httpx.ConnectError: "retry"})'
                self.refuse(f"{error!r} is not a class of exceptions", mend, place)
            name = error.__name__
            if category not in CATEGORIES:
                mend = f"write one of {', '.join(CATEGORIES)}"
                self.refuse(f"{name} has the unknown category {category!r}", mend, place)
            if error in (RetryLater, GiveUp):
                mend = "name the exceptions of your services; a class that extends it may be named"
                self.refuse(f"{name} says itself what it means", mend, place)
            if error in self.categories:
                self.refuse(f"{name} has a category already", "leave one of the rows out", place)
            self.categories[error] = category

    def breaker(self, name: str, *, failures: int = 5, open_for: str = "10s") -> None:
        """Set when a circuit breaker opens, which steps share by its name.

        Args:
            name: as in `@step(breaker="payments")`.
            failures: so many in a row of category `retry` open it.
            open_for: so long nothing is tried; then one run is let through as a probe.

        Raises:
            DefinitionError: a number cannot be, or the breaker is set already.
        """
        place = written_at()
        if name in self.breakers:
            self.refuse(f"the breaker {name!r} is set twice", "leave one of them out", place)
        if not isinstance(failures, int) or failures < 1:
            mend = "write how many failures in a row open it, from 1 up"
            self.refuse(f"the breaker {name!r} has failures={failures!r}", mend, place)
        try:
            open_ms = parse_ms(open_for)
        except ValueError:
            open_ms = 0
        if open_ms < 1:
            mend = 'write a number and a unit, as open_for="10s"'
            self.refuse(f"the breaker {name!r} has open_for={open_for!r}", mend, place)
        self.breakers[name] = BreakerSpec(name, failures, open_ms)


def written_at() -> tuple[str, int]:
    """Return the file and line, outside of what defines sagas, that is being run."""
    frame: Any = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__") in _HERE:
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


def _callable_without_arguments(form: object) -> bool:
    if not callable(form):
        return False
    try:
        inspect.signature(form).bind()
    except TypeError:
        return False
    except ValueError:  # a built-in without a signature
        return True
    return not inspect.isabstract(form) and not getattr(form, "_is_protocol", False)
