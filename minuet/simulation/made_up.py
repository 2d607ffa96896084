"""Events that nobody wrote down: made up from their model, the same for the same draw."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel, ValidationError

from minuet.errors import UsageError
from minuet.event.model import Event

TRIES = 50  # until a model takes what was made up
_DAY = datetime(2026, 1, 1, tzinfo=UTC)


def made_up(model: type[Event], known: Mapping[str, Any], draw: int) -> Event:
    """Return an event of this model.

    Args:
        model: of the event.
        known: fields whose value is given.
        draw: the same makes the same event.

    Raises:
        UsageError: the model took nothing of what was made up.
    """
    rng = random.Random(f"{model.__name__}-{draw}")
    for _ in range(TRIES):
        fields = _fields(rng, model)
        try:
            return model.model_validate({**fields, **known})
        except ValidationError as refused:
            reason = refused
    what = ", ".join(".".join(map(str, one["loc"])) for one in reason.errors())
    message = f"no {model.__name__} can be made up: {what}; give the fields defaults, or less rules"
    raise UsageError(message)


def _fields(rng: random.Random, model: type[BaseModel]) -> dict[str, Any]:
    return {
        name: _value(rng, field.annotation)
        for name, field in model.model_fields.items()
        if field.is_required()
    }


def _value(rng: random.Random, hint: Any) -> Any:
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return rng.choice(inner)
    if origin in (Union, UnionType):
        return _value(rng, rng.choice([one for one in inner if one is not NoneType]))
    if origin is not None:
        return _several(rng, origin, inner)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return rng.choice(list(hint))
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return _fields(rng, hint)
    return _plain(rng, hint)


def _several(rng: random.Random, origin: Any, inner: tuple[Any, ...]) -> Any:
    if origin is dict:
        return {_value(rng, inner[0]): _value(rng, inner[1])}
    if origin in (list, tuple, set, frozenset):
        return [_value(rng, one) for one in inner if one is not Ellipsis]
    return _value(rng, inner[0])  # Annotated, and what else wraps a type


def _plain(rng: random.Random, hint: Any) -> Any:
    number = rng.choice((0, 1, rng.randrange(1, 100), rng.randrange(1, 10_000)))
    made: dict[Any, Any] = {
        str: rng.choice(("some", "something", f"text-{number}")),
        int: number,
        float: float(number),
        bool: rng.random() < 0.5,
        Decimal: Decimal(number),
        bytes: b"some",
        datetime: _DAY + timedelta(hours=number),
        date: (_DAY + timedelta(days=number)).date(),
        timedelta: timedelta(seconds=number),
        UUID: UUID(int=number + (4 << 76) + (8 << 60)),
    }
    return made.get(hint)
