"""A field's default as it stands in a schema."""

from __future__ import annotations

from math import isfinite
from typing import Any

from minuet.contracts.scalars import Json
from minuet.errors import ContractError


def default_json(wire: Any, *, inside: bool = False) -> Json:
    """Return a wire value as a default's JSON: bytes as text, one character for each byte."""
    match wire:
        case tuple() | None if inside:
            message = "it holds a value of a union, which a default cannot say"
            raise ContractError(message)
        case tuple():  # a branch of a union and its value
            return default_json(wire[1], inside=isinstance(wire[1], tuple))
        case bytes():
            return wire.decode("latin-1")
        case list():
            return [default_json(value, inside=True) for value in wire]
        case dict():
            return {key: default_json(value, inside=True) for key, value in wire.items()}
        case float() if not isfinite(wire):
            message = "a number that JSON cannot say"
            raise ContractError(message)
        case _:
            return wire
