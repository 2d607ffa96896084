"""A step: a typed function whose signature is the wiring; the decorator holds policy only.

The decorated function stays the plain function, so that a test calls it as one. What Minuet knows
of it stands beside it, at its attribute `minuet_step`.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Coroutine, MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar, overload

from minuet import signature
from minuet.duration import parse_ms
from minuet.event.model import Event
from minuet.spec.model import Parameter, RetryPolicy, StepSpec

IN_DOUBT = ("", "ask", "park", "undo")
DEFINITION = "minuet_step"  # the attribute of a step's function that holds its definition

_STEP_LOG = logging.getLogger("minuet.step")
_START_OF_TIME = datetime.fromtimestamp(0, UTC)

Function = TypeVar("Function", bound=Callable[..., Event | Coroutine[Any, Any, Event]])


@dataclass(frozen=True, slots=True)
class Backoff:
    """How often a step is tried, and how long it waits in between.

    Args:
        first: the first wait.
        factor: each wait is so many times the one before.
        most: the longest wait.
        attempts: runs in all; 1 means no second try.
    """

    first: str = "200ms"
    factor: float = 2
    most: str = "1m"
    attempts: int = 6


@dataclass(frozen=True, slots=True)
class Context:
    """What a step may ask about its own run; the same whenever it runs again, but for `attempt`.

    Args:
        saga_id: the key of the saga.
        slot: this step on these causes.
        attempt: 1 for the first run.
        step: its name.
        now: log time of its youngest cause, so that a second run sees the same.
        traceparent: the W3C trace it belongs to, or empty.
    """

    saga_id: str
    slot: str
    attempt: int = 1
    step: str = ""
    now: datetime = _START_OF_TIME
    traceparent: str = ""

    @property
    def idempotency_key(self) -> str:
        """The same for every run of this step on these causes: give it to the outside."""
        return self.slot

    @property
    def logger(self) -> logging.LoggerAdapter[logging.Logger]:
        """A logger whose lines say saga, step and slot; what else they say is the step's affair."""
        about = {"saga": self.saga_id, "step": self.step, "slot": self.slot}
        return _AboutRun(_STEP_LOG, about)


class _AboutRun(logging.LoggerAdapter[logging.Logger]):
    """Adds what the run is to what a line has of its own."""

    def process(
        self, msg: Any, kwargs: MutableMapping[str, Any]
    ) -> tuple[Any, MutableMapping[str, Any]]:
        kwargs["extra"] = {**(kwargs.get("extra") or {}), **(self.extra or {})}
        return msg, kwargs


@dataclass(frozen=True, slots=True)
class StepDefinition:
    """A step as the engines run it: what was written, with its function and its classes."""

    spec: StepSpec
    function: Callable[..., Any]
    is_async: bool
    needs: tuple[tuple[str, tuple[type[Event], ...]], ...]
    resources: tuple[tuple[str, type], ...]
    context: str | None
    says: tuple[type[Event], ...]


@overload
def step(function: Function, /) -> Function: ...


@overload
def step(
    *,
    retry: Backoff = ...,
    timeout: str = ...,
    breaker: str = ...,
    in_doubt: str = ...,
) -> Callable[[Function], Function]: ...


def step(
    function: Function | None = None,
    /,
    *,
    retry: Backoff = Backoff(),
    timeout: str = "30s",
    breaker: str = "",
    in_doubt: str = "",
) -> Function | Callable[[Function], Function]:
    """Make a function a step: its parameters are what it needs, its return type what it may say.

    Args:
        function: the step, when the decorator stands without arguments.
        retry: how often it is tried.
        timeout: of one run. Then it counts as failed and is tried again, but it is not stopped: it
            may have taken effect, and an answer that comes late is taken too. The first in the log
            wins; one that came second is undone.
        breaker: the name of the circuit breaker that it shares with others; the saga may set it,
            as `orders.breaker("payments", failures=5, open_for="10s")`.
        in_doubt: what to do when it may have taken effect and the saga fails: `ask` runs it again
            to learn, `park` waits for a person, `undo` undoes what perhaps was done. Default:
            `ask`, but `park` for the pivot and beyond.

    Raises:
        DefinitionError: the function cannot be a step.
    """

    def mark(target: Function) -> Function:
        definition = _define(target, retry, timeout, breaker, in_doubt)
        setattr(target, DEFINITION, definition)
        return target

    return mark if function is None else mark(function)


def definition_of(function: object) -> StepDefinition | None:
    """Return what `@step` knows of a function, or None when it is not a step."""
    found = getattr(function, DEFINITION, None)
    return found if isinstance(found, StepDefinition) else None


def _define(
    function: Callable[..., Any], retry: Backoff, timeout: str, breaker: str, in_doubt: str
) -> StepDefinition:
    read = signature.read(function, Context)
    if in_doubt not in IN_DOUBT:
        mend = "write in_doubt as one of ask, park, undo, or leave it out"
        raise signature.refusal(function, f"in_doubt={in_doubt!r} is unknown", mend)
    if not isinstance(breaker, str):
        mend = 'name the breaker, as breaker="payments"'
        raise signature.refusal(function, f"breaker={breaker!r} is not a name", mend)
    spec = StepSpec(
        name=function.__name__,
        parameters=_parameters(function, read),
        says=tuple(said.__name__ for said in read.says),
        retry=_retry_policy(function, retry),
        timeout_ms=_duration(function, "timeout", timeout),
        breaker=breaker,
        in_doubt=in_doubt,
        file=function.__code__.co_filename,
        line=function.__code__.co_firstlineno,
    )
    is_async = inspect.iscoroutinefunction(function)
    return StepDefinition(
        spec, function, is_async, read.needs, read.resources, read.context, read.says
    )


def _parameters(function: Callable[..., Any], read: signature.Signature) -> tuple[Parameter, ...]:
    needs, resources = dict(read.needs), dict(read.resources)
    found = []
    for name in inspect.signature(function).parameters:
        if name in needs:
            found.append(Parameter(name, "event", tuple(t.__name__ for t in needs[name])))
        elif name in resources:
            found.append(Parameter(name, "resource", (qualified(resources[name]),)))
        else:
            found.append(Parameter(name, "context"))
    return tuple(found)


def qualified(kind: type) -> str:
    """Return the qualified name of a class, as a spec holds it."""
    return f"{kind.__module__}.{kind.__qualname__}"


def _retry_policy(function: Callable[..., Any], retry: Backoff) -> RetryPolicy:
    if not isinstance(retry, Backoff):
        mend = 'write retry=Backoff(first="200ms", factor=2, most="1m", attempts=6)'
        raise signature.refusal(function, f"retry={retry!r} is not a Backoff", mend)
    if not isinstance(retry.attempts, int) or retry.attempts < 1:
        mend = "count the first run too: attempts=1 means no second try"
        raise signature.refusal(function, f"attempts={retry.attempts!r} is not 1 or more", mend)
    if not isinstance(retry.factor, int | float) or retry.factor < 1:
        mend = "a wait does not get shorter: factor is 1 or more"
        raise signature.refusal(function, f"factor={retry.factor!r} is below 1", mend)
    first_ms = _duration(function, "first", retry.first)
    most_ms = _duration(function, "most", retry.most)
    if most_ms < first_ms:
        mend = "let the longest wait be at least the first"
        raise signature.refusal(function, f"most={retry.most!r} < first={retry.first!r}", mend)
    return RetryPolicy(first_ms, float(retry.factor), most_ms, retry.attempts)


def _duration(function: Callable[..., Any], name: str, text: str) -> int:
    try:
        return parse_ms(text)
    except ValueError as bad:
        mend = f'write a number and a unit, as {name}="10s"'
        raise signature.refusal(function, f"{name}={text!r} is not a time", mend) from bad
