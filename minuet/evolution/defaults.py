"""Is a default's JSON a value of its field's type? Nobody else asks before it is needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from minuet.contracts.scalars import Json

_SCALARS: dict[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "int": lambda value: type(value) is int and -(2**31) <= value < 2**31,
    "long": lambda value: type(value) is int and -(2**63) <= value < 2**63,
    "float": lambda value: type(value) in (int, float),
    "double": lambda value: type(value) in (int, float),
    "string": lambda value: isinstance(value, str),
    # one character for each byte
    "bytes": lambda value: isinstance(value, str) and all(ord(each) <= 0xFF for each in value),
}


def fits(value: Any, schema: Json, named: Mapping[str, Json]) -> bool:
    """Return whether `value` is of the type; `named` are the types that names stand for."""
    if isinstance(schema, list):
        return any(fits(value, branch, named) for branch in schema)
    if isinstance(schema, str):
        return _SCALARS[schema](value) if schema in _SCALARS else fits(value, named[schema], named)
    match schema["type"]:
        case "fixed":
            return _SCALARS["bytes"](value) and len(value) == schema["size"]
        case "enum":
            return value in schema["symbols"]
        case "array":
            return isinstance(value, list) and all(fits(v, schema["items"], named) for v in value)
        case "map":
            values = value.values() if isinstance(value, dict) else ()
            return isinstance(value, dict) and all(fits(v, schema["values"], named) for v in values)
        case "record" | "error":
            return isinstance(value, dict) and all(
                fits(value.get(field["name"], field.get("default", ...)), field["type"], named)
                for field in schema["fields"]
            )
        case kind:
            return fits(value, kind, named)
