"""Avro types and defaults as Python source: what `models` writes, piece by piece."""

from __future__ import annotations

import keyword
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from minuet.contracts.scalars import OTHER_FORMS as FORMS
from minuet.contracts.scalars import SCALARS, Json, decimal_shape
from minuet.errors import ContractError

_PLAIN = {
    "boolean": "bool", "long": "int", "double": "float", "string": "str", "bytes": "bytes",
    "null": "None", "int": 'Annotated[int, Wire("int")]',
    "float": 'Annotated[float, Wire("float")]',
}  # fmt: skip
_LOGICAL = {
    ("string", "uuid"): "UUID",
    ("int", "date"): "date",
    ("long", "time-micros"): "time",
    ("long", "timestamp-micros"): "datetime",
    ("long", "timestamp-millis"): 'Annotated[datetime, Wire("timestamp-millis")]',
    ("int", "time-millis"): 'Annotated[time, Wire("time-millis")]',
}
_FROM_WIRE = {
    shape.avro["logicalType"]: shape.from_wire
    for shape in (*SCALARS.values(), *FORMS.values())
    if isinstance(shape.avro, dict)
}
# What the written module itself uses: a class, or a field's default, of such a name would hide it.
TAKEN = frozenset({
    "bool", "int", "float", "str", "bytes", "list", "dict", "date", "datetime", "time", "UTC",
    "UUID", "Decimal", "Enum", "Annotated", "Field", "BaseModel", "ConfigDict", "Event", "Formerly",
    "Pii", "Wire", "contract",
})  # fmt: skip


def hint(avro: Json, named: Mapping[str, Json], *, default_null: bool = False) -> str:
    """Return the type hint of an Avro type; with the default null, None may stand last.

    Raises:
        ContractError: no model keeps it exactly; says what.
    """
    if isinstance(avro, list):
        null_first = default_null and avro[:1] == ["null"]
        return _union([*avro[1:], "null"] if null_first and len(avro) > 1 else avro, named)
    if isinstance(avro, str):
        return _PLAIN[avro] if avro in _PLAIN else hint(named[avro], named)
    kind, logical = avro["type"], avro.get("logicalType")
    if kind in ("record", "enum"):
        return short(avro)
    if logical is not None:
        return _logical(kind, logical, avro)
    match kind:
        case "array":
            return f"list[{hint(avro['items'], named)}]"
        case "map":
            return f"dict[str, {hint(avro['values'], named)}]"
        case _ if kind in _PLAIN:
            return _PLAIN[kind]
    message = f"{kind} has no form in a model"
    raise ContractError(message)


def literal(value: Any, avro: Json, named: Mapping[str, Json]) -> str:
    """Return a default as a Python expression; `value` is its JSON.

    Raises:
        ContractError: it is of a type that has no form in a model.
    """
    if isinstance(avro, list):  # exporting puts the branch of the default first
        return literal(value, avro[0], named)
    avro = named.get(avro, avro) if isinstance(avro, str) else avro
    kind = avro if isinstance(avro, str) else avro["type"]
    match kind:
        case "record":
            fields = {field["name"]: field["type"] for field in avro["fields"]}
            parts = (f"{name}={literal(value[name], fields[name], named)}" for name in value)
            return f"{short(avro)}({', '.join(parts)})"
        case "enum":
            return f"{short(avro)}.{members(avro)[value]}"
        case "array":
            return f"[{', '.join(literal(each, avro['items'], named) for each in value)}]"
        case "map":
            parts = (f"{quoted(k)}: {literal(v, avro['values'], named)}" for k, v in value.items())
            return f"{{{', '.join(parts)}}}"
    return _scalar(value, kind, avro)


def default(value: Any, avro: Json, named: Mapping[str, Json]) -> str:
    """Return what stands after the sign of equality in a field.

    Raises:
        ContractError: as `literal`.
    """
    said = literal(value, avro, named)
    if said in ("[]", "{}"):
        return f"Field(default_factory={'list' if said == '[]' else 'dict'})"
    return f"Field(default_factory=lambda: {said})" if said[0] in "[{" else said


def short(avro: Json) -> str:
    """Return the name of a record's or an enum's class."""
    return str(avro["name"]).rpartition(".")[2]


def members(avro: Json) -> dict[str, str]:
    """Return the name of an enum's member for each symbol, in upper case where that is enough."""
    found: dict[str, str] = {}
    for symbol in avro["symbols"]:
        refuse_symbol(symbol)
        name = symbol.strip("_").upper() or "UNDERSCORE"
        name = name if name.isidentifier() else f"N{name}"
        while name in found.values():
            name += "X"
        found[symbol] = name
    return found


def refuse_symbol(symbol: str) -> None:
    """Refuse a symbol that is no Avro name.

    Raises:
        ContractError: says so.
    """
    if not symbol.isidentifier() or not symbol.isascii():
        message = f"{symbol!r} is no symbol"
        raise ContractError(message)


def quoted(text: str | bytes) -> str:
    """Return a string as Python source, in the quotes that a formatter would give it."""
    said = repr(text)
    prefix = "b" if isinstance(text, bytes) else ""
    return said if '"' in said else f'{prefix}"{said[len(prefix) + 1 : -1]}"'


def refuse_class_name(name: str) -> None:
    """Refuse a class's name that Python or the written module has another use for.

    Raises:
        ContractError: says so.
    """
    _refuse_no_name(name)
    if name in TAKEN:
        message = f"the name {name} is taken by what the models use"
        raise ContractError(message)


def refuse_field_name(name: str) -> None:
    """Refuse a field's name that Python or pydantic has another use for.

    Raises:
        ContractError: says so.
    """
    _refuse_no_name(name)
    if name.startswith("_") or hasattr(BaseModel, name):
        message = f"pydantic keeps the name {name} for itself"
        raise ContractError(message)


def _refuse_no_name(name: str) -> None:
    if not name.isidentifier() or not name.isascii():
        message = f"{name!r} is no name"
        raise ContractError(message)
    if keyword.iskeyword(name):
        message = f"the name {name} is taken in Python"
        raise ContractError(message)


def _union(avro: list[Json], named: Mapping[str, Json]) -> str:
    if len(avro) < 2:  # a type hint of one type is that type
        message = "a union of one type"
        raise ContractError(message)
    return " | ".join(hint(branch, named) for branch in avro)


def _logical(kind: str, logical: str, avro: Json) -> str:
    if (kind, logical) == ("bytes", "decimal"):
        digits = f"max_digits={int(avro['precision'])}, decimal_places={int(avro.get('scale', 0))}"
        return f"Annotated[Decimal, Field({digits})]"
    found = _LOGICAL.get((kind, logical))
    if found is None:
        message = f"{logical} in {kind} has no form in a model"
        raise ContractError(message)
    return found


def _scalar(value: Any, kind: str, avro: Json) -> str:
    logical = avro.get("logicalType") if isinstance(avro, dict) else None
    if logical == "decimal":
        shape = decimal_shape(avro["precision"], avro.get("scale", 0))
        assert shape.from_wire
        return f'Decimal("{shape.from_wire(value.encode("latin-1"))}")'
    convert = _FROM_WIRE.get(logical) if logical else None
    if convert:
        if logical == "uuid":
            return f"UUID({quoted(str(convert(value)))})"
        text = repr(convert(value))
        return text.replace("datetime.timezone.utc", "UTC").replace("datetime.", "")
    if kind == "bytes":
        return quoted(value.encode("latin-1"))
    if kind == "string":
        return quoted(value)
    return repr(float(value)) if kind in ("float", "double") else repr(value)
