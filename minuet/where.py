"""`--where`: a condition over an event's fields, in CEL (the Common Expression Language).

A wrong condition is refused when it is made, before anything is sent: text that is no CEL, a field
or function that is not there, types that do not go together, an answer that is neither true nor
false. What only an event's own values make wrong (a division by zero) refuses that event.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel

from minuet.errors import ContractError, UsageError
from minuet.event.model import Event

_PLACE = re.compile(r"ERROR: <input>:\d+:(\d+): (.*)")
_EXPECTING = re.compile(r" expecting \{.*\}$")
_BOUND = re.compile(r"\.\s*(?:all|exists|exists_one|existsOne|map|filter)\s*\(\s*(\w+)\s*,")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# A value of each plain type, to try a condition's types on.
_SAMPLES: dict[type, Any] = {
    str: "", bool: False, int: 0, float: 0.0, Decimal: 0.0, bytes: b"", datetime: _EPOCH, UUID: "",
    date: "",
}  # fmt: skip


class Where:
    """A condition; `holds` says whether an event is wanted.

    Decimals are doubles here, UUIDs, dates and enums are strings, moments are timestamps, and
    nested models and lists are maps and lists.

    Args:
        expression: in CEL, over the fields of `model`.
        model: the events' class.

    Raises:
        UsageError: it can never be right for this model; says where it is wrong.
    """

    def __init__(self, expression: str, model: type[Event]) -> None:
        import cel  # takes half a second, and few commands need it

        self.expression = expression
        try:
            self._program = cel.compile(expression)
        except ValueError as error:
            raise _refusal(expression, *_place(str(error))) from None
        self._check_names(model)
        self._check_types(model)

    def holds(self, event: Event) -> bool:
        """Whether the event fulfils the condition.

        Raises:
            ContractError: it cannot be told for this event.
        """
        try:
            found = self._program.execute(_plain(event))
        except Exception as error:  # CEL's errors are Python's, of many kinds
            message = f"--where: {_first_sentence(error)}"
            raise ContractError(message) from None
        if not isinstance(found, bool):
            message = "--where: neither true nor false"
            raise ContractError(message)
        return found

    def _check_names(self, model: type[Event]) -> None:
        bound = set(_BOUND.findall(self.expression))
        for name in self._program.variables():
            if name not in model.model_fields and name not in bound:
                known = ", ".join(model.model_fields)
                at = re.search(rf"(?<![\w.]){re.escape(name)}\b", self.expression)
                column = at.start() + 1 if at else 1
                reason = f"{model.__name__} has no field {name}; it has: {known}"
                raise _refusal(self.expression, column, reason)

    def _check_types(self, model: type[Event]) -> None:
        """Try it on a value of each field's type; what depends on the values is no fault."""
        samples = {name: _sample(info.annotation) for name, info in model.model_fields.items()}
        used = [samples[name] for name in self._program.variables() if name in samples]
        if None in used:
            return  # a type of which no value stands for all
        try:
            found = self._program.execute(samples)
        except TypeError as error:
            raise _refusal(self.expression, 1, _first_sentence(error)) from None
        except RuntimeError as error:
            if "Undefined" in str(error):
                raise _refusal(self.expression, 1, _undefined(str(error))) from None
        except Exception:  # an empty list has no first item: the events will have one
            return
        else:
            if not isinstance(found, bool):
                reason = "it says neither true nor false: compare it with something"
                raise _refusal(self.expression, 1, reason)


class Wheres:
    """A condition over events of many types: it is asked of those that have all its fields.

    Args:
        expression: in CEL.
        models: type name -> the events' class.

    Attributes:
        types: the names of those that it is asked of; no other event is wanted.

    Raises:
        UsageError: it can be right for none of them; says where it is wrong for the nearest one.
    """

    def __init__(self, expression: str, models: Mapping[str, type[Event]]) -> None:
        self._by_type: dict[str, Where] = {}
        wrong: dict[str, UsageError] = {}
        for name, model in models.items():
            try:
                self._by_type[name] = Where(expression, model)
            except UsageError as error:
                wrong[name] = error
        if not self._by_type:
            words = set(re.findall(r"\w+", expression))
            raise wrong[max(wrong, key=lambda name: len(words & set(models[name].model_fields)))]
        self.types = frozenset(self._by_type)

    def holds(self, name: str, event: Event) -> bool:
        """Whether an event of the type `name` fulfils the condition.

        Raises:
            ContractError: it cannot be told for this event.
        """
        return name in self._by_type and self._by_type[name].holds(event)


def _refusal(expression: str, column: int, reason: str) -> UsageError:
    pointer = " " * (column - 1) + "^"
    return UsageError(f"--where, column {column}: {reason}\n  {expression}\n  {pointer}")


def _place(error: str) -> tuple[int, str]:
    """The column and the reason of a syntax error, of which CEL tells more than one wants."""
    found = _PLACE.search(error)
    if found is None:
        return 1, error.splitlines()[0]
    return int(found[1]), _EXPECTING.sub("", found[2]).replace("'<EOF>'", "the end")


def _undefined(error: str) -> str:
    name = re.search(r"'(.*?)'", error)
    return f"there is no function {name[1]}" if name else error


def _first_sentence(error: Exception) -> str:
    return str(error).split(". ")[0]


def _plain(value: Any) -> Any:
    """A value as CEL takes it."""
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, UUID) or (isinstance(value, date) and not isinstance(value, datetime)):
        return str(value)
    return float(value) if isinstance(value, Decimal) else value


def _sample(hint: Any) -> Any:
    """A value of the type; None where no one value stands for all of them."""
    if get_origin(hint) in (Union, UnionType):
        rest = [each for each in get_args(hint) if each is not NoneType]
        return _sample(rest[0]) if len(rest) == 1 else None
    if isinstance(hint, type) and issubclass(hint, Enum):
        return ""
    return _SAMPLES.get(hint) if isinstance(hint, type) else None
