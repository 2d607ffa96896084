"""Reads the signature of a step, which is its wiring; refuses one that cannot be a step.

Every refusal names the file, the line and the mend: this is the first thing a new user meets.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from minuet.errors import DefinitionError
from minuet.event.model import Event, Request
from minuet.event.platform import PLATFORM_EVENTS, SagaCancelled, SagaCompensated, SagaCompleted

ENDS = (SagaCompleted, SagaCompensated, SagaCancelled)  # the platform events a step may need
COORDINATOR = "coordinator"  # beside the steps' names in `minuet worker --only`

_BASES = (Event, Request)
_PLATFORM = frozenset(PLATFORM_EVENTS.values())
_DATA = (
    str, bytes, int, float, complex, list, tuple, dict, set, frozenset,
    Decimal, date, time, timedelta, UUID, Enum, BaseModel,
)  # fmt: skip
_GATHERED = (list, tuple, set, frozenset, dict)


@dataclass(frozen=True, slots=True)
class Signature:
    """What a step's signature says; names of parameters with their types, in order.

    Args:
        needs: event types, more than one for `A | B`.
        resources: its ways to the outside.
        context: the name of the parameter that takes the context.
        says: the event types of the return annotation.
    """

    needs: tuple[tuple[str, tuple[type[Event], ...]], ...]
    resources: tuple[tuple[str, type], ...]
    context: str | None
    says: tuple[type[Event], ...]


def refusal(
    function: Callable[..., object], message: str, mend: str, *, rule: str = "definition"
) -> DefinitionError:
    """Return the error that names a step's place, what is wrong there and how to mend it."""
    code = function.__code__
    return DefinitionError(
        f"step {function.__name__}: {message}",
        file=code.co_filename,
        line=code.co_firstlineno,
        mend=mend,
        rule=rule,
    )


def read(function: object, context_type: type) -> Signature:
    """Read the signature of a step.

    Raises:
        DefinitionError: it cannot be a step.
    """
    step = _plain_function(function)
    hints = _hints(step)
    needs: list[tuple[str, tuple[type[Event], ...]]] = []
    resources: list[tuple[str, type]] = []
    contexts: list[str] = []
    for parameter in inspect.signature(step).parameters.values():
        _check_shape(step, parameter, hints)
        name, members = parameter.name, _members(hints[parameter.name])
        if any(_is_event(member) for member in members):
            needs.append((name, _needed(step, name, members)))
        elif members == (context_type,):
            contexts.append(name)
        else:
            resources.append((name, _resource(step, name, members)))
    _check_once(step, needs, resources, contexts)
    says = _said(step, hints, {t for _, needed in needs for t in needed})
    return Signature(tuple(needs), tuple(resources), contexts[0] if contexts else None, says)


def _plain_function(function: object) -> types.FunctionType:
    if not isinstance(function, types.FunctionType):
        message = f"@step stands on {function!r}, which is not a function"
        raise DefinitionError(message, mend="write a step as `def` or `async def` in a module")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise refusal(function, "it yields", "return exactly one event")
    if not function.__name__.isidentifier():
        raise refusal(function, "it has no name", "write it as `def verb_noun(...)`")
    if function.__name__ == COORDINATOR:
        mend = "name the step for what it does: verb_noun"
        raise refusal(function, f"`{COORDINATOR}` is the name of the saga's coordinator", mend)
    return function


def _hints(function: types.FunctionType) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function)
    except NameError as unknown:
        mend = "import it, or define it, at the top of the module and outside `if TYPE_CHECKING:`"
        raise refusal(function, f"the annotation {unknown.name!r} is unknown", mend) from None
    except (TypeError, SyntaxError) as bad:
        mend = "annotate with classes: an event, `A | B`, a resource, `Context`"
        raise refusal(function, f"an annotation cannot be read: {bad}", mend) from None


def _check_shape(
    step: types.FunctionType, parameter: inspect.Parameter, hints: dict[str, Any]
) -> None:
    name = parameter.name
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        mend = "name each event and each resource as a parameter of its own"
        raise refusal(step, f"`{parameter}` could be anything", mend)
    if parameter.kind is parameter.POSITIONAL_ONLY:
        raise refusal(step, f"parameter `{name}` has no name for the caller", "remove the `/`")
    if name not in hints:
        mend = f"write `{name}: SomeEvent`, or the class of a resource, or `Context`"
        raise refusal(step, f"parameter `{name}` has no type", mend)
    if parameter.default is not parameter.empty:
        mend = "remove the default: a step runs when all of its parameters are there"
        raise refusal(step, f"parameter `{name}` has a default", mend)


def _members(annotation: object) -> tuple[object, ...]:
    """The members of a union in the order they are written; else the annotation alone."""
    annotation = getattr(annotation, "__value__", annotation)  # `type Paid = A | B` (Python 3.12)
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return tuple(m for part in typing.get_args(annotation) for m in _members(part))
    return (annotation,)


def _is_event(member: object) -> bool:
    return isinstance(member, type) and issubclass(member, Event)


def _needed(
    step: types.FunctionType, name: str, members: tuple[object, ...]
) -> tuple[type[Event], ...]:
    needed: list[type[Event]] = []
    for member in members:
        if member is type(None):
            mend = "a step runs when all is there: write a second step for when it is not"
            raise refusal(step, f"parameter `{name}` may be None", mend)
        if not (isinstance(member, type) and issubclass(member, Event)):
            mend = "give the resource a parameter of its own"
            raise refusal(step, f"parameter `{name}` mixes events with {_name(member)}", mend)
        if member in _BASES:
            mend = "name the very event it waits for, or several as `A | B`"
            raise refusal(step, f"parameter `{name}` is any {member.__name__}", mend)
        if member in _PLATFORM and member not in ENDS:
            mend = "of Minuet's own events a step may need: " + _names(ENDS)
            raise refusal(step, f"parameter `{name}` is Minuet's own {member.__name__}", mend)
        needed.append(member)
    return tuple(needed)


def _resource(step: types.FunctionType, name: str, members: tuple[object, ...]) -> type:
    resource, *more = members
    if more or not isinstance(resource, type) or resource in (Any, object, type):
        mend = "a parameter is an event, `A | B` of events, `Context`, or the class of a resource"
        written = " | ".join(_name(m) for m in members)
        raise refusal(step, f"parameter `{name}: {written}` is no event and no resource", mend)
    if issubclass(resource, BaseModel):
        mend = f"let {resource.__name__} extend minuet.Event if it is an event"
        raise refusal(step, f"parameter `{name}: {resource.__name__}` is data, not an event", mend)
    if issubclass(resource, _DATA):
        mend = "data comes in events and settings in a resource: put it into one of them"
        raise refusal(step, f"parameter `{name}: {resource.__name__}` is data, not an event", mend)
    return resource


def _check_once(
    step: types.FunctionType,
    needs: list[tuple[str, tuple[type[Event], ...]]],
    resources: list[tuple[str, type]],
    contexts: list[str],
) -> None:
    if not needs:
        mend = "let a parameter name the event that it answers"
        message = "it needs no event, so nothing would ever start it"
        raise refusal(step, message, mend, rule="never-runs")
    if len(contexts) > 1:
        raise refusal(step, "it takes the context twice", f"remove `{contexts[1]}`")
    seen: set[type] = set()
    wanted = [(name, t) for name, needed in needs for t in needed] + resources
    for name, wanted_type in wanted:
        if wanted_type in seen:
            mend = "a saga has each of them once: use the first parameter for both"
            raise refusal(step, f"parameter `{name}` is {wanted_type.__name__} once more", mend)
        seen.add(wanted_type)


def _said(
    step: types.FunctionType, hints: dict[str, Any], needed: set[type[Event]]
) -> tuple[type[Event], ...]:
    if "return" not in hints:
        mend = "write `-> SomeEvent`, or `-> A | B`"
        raise refusal(step, "it does not say which event it returns", mend)
    said: list[type[Event]] = []
    for member in _members(hints["return"]):
        if member is type(None):
            mend = "nothing to do is an event too: say one, such as `NothingToShip`"
            raise refusal(step, "it may return None", mend)
        if (typing.get_origin(member) or member) in _GATHERED:
            mend = "say one event, and let a step that needs it say the next"
            raise refusal(step, f"it returns several events, {_name(member)}", mend)
        if not (isinstance(member, type) and issubclass(member, Event)) or member in _BASES:
            mend = "return one event class of your own, or a union of them"
            raise refusal(step, f"it returns {_name(member)}, which is not one event", mend)
        _check_sayable(step, member, needed)
        said.append(member)
    return tuple(said)


def _check_sayable(step: types.FunctionType, said: type[Event], needed: set[type[Event]]) -> None:
    if issubclass(said, Request):
        mend = "answer with an event in the past tense; what is asked stands in the saga's table"
        raise refusal(step, f"it returns {said.__name__}, which only the coordinator says", mend)
    if said in _PLATFORM:
        mend = "return an event of your own; to wait or to stop, raise RetryLater or GiveUp"
        raise refusal(step, f"it returns {said.__name__}, which only Minuet says", mend)
    if said in needed:
        mend = "say another event: in one saga each happens once"
        message = f"it needs {said.__name__} and says it again"
        raise refusal(step, message, mend, rule="cycle")


def _name(member: object) -> str:
    return member.__name__ if isinstance(member, type) else str(member).replace("typing.", "")


def _names(members: Iterable[type]) -> str:
    return ", ".join(member.__name__ for member in members)
