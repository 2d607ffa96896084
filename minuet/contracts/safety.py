"""Schemas that others wrote: may their bytes be decoded at all?

A recursive schema can crash the process, an array of items without bytes can fill its memory, and
so can a few types that hold each other many times over. How much one value of a schema that is not
dangerous may come to is guarded by `minuet.contracts.budget`.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from fastavro import parse_schema

from minuet.contracts.scalars import Json
from minuet.errors import ContractError

DEPTH_MOST = 32
FIELDS_MOST = 10_000  # of one value, however often its types are named
TEXT_MOST = 512 * 1024
DIGITS_MOST = 1_000  # of a decimal: powers of ten beyond take a processor for minutes
_NESTED_MOST = 8 * DEPTH_MOST  # of the JSON itself, before anything walks it

_FEWEST_BYTES = {"null": 0, "float": 4, "double": 8}  # all others take one byte


class Size(NamedTuple):
    """What a type comes to.

    Args:
        least: the fewest bytes of a value.
        fields: the fields of one value, those of the records in it too.
        depth: how deep it is nested.
    """

    least: int
    fields: int
    depth: int


_OPEN = Size(-1, 0, 0)  # of a record that is not read to its end


def safe_schema(text: str) -> Json:
    """Return a stored schema as JSON, its names in full.

    Raises:
        ContractError: it is dangerous to decode.
        Exception: it is no Avro schema; fastavro raises what it may.
    """
    if len(text) > TEXT_MOST:
        message = f"the schema has {len(text):,} characters, where {TEXT_MOST:,} is the most"
        raise ContractError(message)
    avro = json.loads(text)
    _refuse_nested(avro)
    parsed = parse_schema(avro)
    refuse_dangerous(parsed)
    return parsed


def bare(avro: Json) -> Json:
    """Return the schema without logical types, which `minuet.contracts.scalars` applies itself.

    fastavro's own marks go too, or it would take the result for one it has parsed.
    """
    if isinstance(avro, list):
        return [bare(branch) for branch in avro]
    if not isinstance(avro, dict):
        return avro
    kept = {key: value for key, value in avro.items() if key != "logicalType" and key[:2] != "__"}
    for key in ("items", "values", "type"):
        if key in kept:
            kept[key] = bare(kept[key])
    if "fields" in kept:
        kept["fields"] = [{**field, "type": bare(field["type"])} for field in kept["fields"]]
    return kept


def definitions(avro: Json) -> dict[str, Json]:
    """Return every named type that a schema writes out."""
    if isinstance(avro, list):
        return {name: each for branch in avro for name, each in definitions(branch).items()}
    if not isinstance(avro, dict):
        return {}
    inner = [field["type"] for field in avro.get("fields", ())]
    found = definitions([*inner, *(avro[part] for part in ("items", "values") if part in avro)])
    return {avro["name"]: avro, **found} if "name" in avro else found


def has_records_apart(avro: Json) -> bool:
    """Return whether some union has several records, which only their names tell apart."""
    return _has_records_apart(avro, definitions(avro))


def _has_records_apart(avro: Json, known: dict[str, Json]) -> bool:
    if isinstance(avro, list):
        branches = [known.get(each, each) if isinstance(each, str) else each for each in avro]
        records = [each for each in branches if isinstance(each, dict) and "fields" in each]
        return len(records) > 1 or any(_has_records_apart(each, known) for each in avro)
    if not isinstance(avro, dict):
        return False
    inner = [field["type"] for field in avro.get("fields", ())]
    inner += [avro[part] for part in ("items", "values") if part in avro]
    return any(_has_records_apart(each, known) for each in inner)


def refuse_dangerous(avro: Json) -> None:
    """Refuse a schema by which few bytes could crash or fill the process.

    Raises:
        ContractError: it is recursive, too deep, too wide, has an array of items without bytes, a
            fixed of no possible size, or a decimal of too many digits.
    """
    _refuse_nested(avro)
    sizes(avro)


def sizes(avro: Json) -> dict[str, Size]:
    """Return what each named type of a schema comes to, and the whole under an empty name.

    Raises:
        ContractError: as `refuse_dangerous`.
    """
    known: dict[str, Size] = {}
    known[""] = size_of(avro, known)
    return known


def size_of(avro: Json, known: dict[str, Size]) -> Size:
    """Return what a type comes to; `known` are the named types met before, and is added to."""
    size = _size(avro, known)
    if size.depth > DEPTH_MOST:
        message = f"the schema is nested more than {DEPTH_MOST} deep"
        raise ContractError(message)
    if size.fields > FIELDS_MOST:
        message = f"one value of the schema has more than {FIELDS_MOST:,} fields"
        raise ContractError(message)
    return size


def _size(avro: Json, known: dict[str, Size]) -> Size:
    if isinstance(avro, str):
        return _size_of_name(avro, known)
    if isinstance(avro, list):  # the number of the branch takes a byte
        parts = [size_of(branch, known) for branch in avro]
        least = 1 + min((part.least for part in parts), default=0)
        return Size(least, max((part.fields for part in parts), default=0), _below(parts))
    _refuse_digits(avro)
    match avro["type"]:
        case "record" | "error":
            known[avro["name"]] = _OPEN
            parts = [size_of(field["type"], known) for field in avro["fields"]]
            fields = sum(1 + part.fields for part in parts)
            size = Size(sum(part.least for part in parts), fields, _below(parts))
            return _keep(avro, size, known)
        case "fixed":
            if type(avro["size"]) is not int or avro["size"] < 0:
                message = f"{avro['name']} has a size that no value has"
                raise ContractError(message)
            return _keep(avro, Size(avro["size"], 0, 0), known)
        case "enum":
            return _keep(avro, Size(1, 0, 0), known)
        case "array" | "map" as kind:
            items = size_of(avro["items" if kind == "array" else "values"], known)
            if kind == "array" and not items.least:
                message = "an array of items without bytes"
                raise ContractError(message)
            return Size(1, items.fields, _below([items]))
        case kind:
            return size_of(kind, known)


def _refuse_digits(avro: Json) -> None:
    if avro.get("logicalType") == "decimal" and avro.get("precision", 0) > DIGITS_MOST:
        message = f"a decimal of more than {DIGITS_MOST:,} digits"
        raise ContractError(message)


def _keep(avro: Json, size: Size, known: dict[str, Size]) -> Size:
    known[avro["name"]] = size
    return size


def _below(parts: list[Size]) -> int:
    return 1 + max((part.depth for part in parts), default=0)


def _size_of_name(name: str, known: dict[str, Size]) -> Size:
    size = known.get(name) or Size(_FEWEST_BYTES.get(name, 1), 0, 0)
    if size == _OPEN:
        message = f"the schema is recursive: {name} contains itself"
        raise ContractError(message)
    return size


def _refuse_nested(avro: Json) -> None:
    """Refuse JSON so deep that walking it could end the process; walks without recursion."""
    level = [avro]
    for _ in range(_NESTED_MOST):
        level = [
            part
            for each in level
            if isinstance(each, dict | list)
            for part in (each.values() if isinstance(each, dict) else each)
            if isinstance(part, dict | list)
        ]
        if not level:
            return
    message = f"the schema is nested more than {DEPTH_MOST} deep"
    raise ContractError(message)
