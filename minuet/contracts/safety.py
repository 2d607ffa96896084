"""Schemas that others wrote: may their bytes be decoded at all?

A recursive schema can crash the process, and an array of items without bytes can fill its memory.
"""

from __future__ import annotations

from minuet.contracts.scalars import Json
from minuet.errors import ContractError

_DEPTH_MOST = 32
_OPEN = -1  # of a record that is not read to its end


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


def refuse_dangerous(avro: Json) -> None:
    """Refuse a schema by which few bytes could crash or fill the process.

    Raises:
        ContractError: it is recursive, too deep, or has an array of items without bytes.
    """
    _least_bytes(avro, {}, 0)


def _least_bytes(avro: Json, known: dict[str, int], depth: int) -> int:
    """Return the fewest bytes a value can have; 1 stands for any number but 0."""
    if depth > _DEPTH_MOST:
        message = f"the schema is nested more than {_DEPTH_MOST} deep"
        raise ContractError(message)
    if isinstance(avro, str):
        return _least_bytes_of_name(avro, known)
    if isinstance(avro, list):  # the number of the branch takes a byte
        for branch in avro:
            _least_bytes(branch, known, depth + 1)
        return 1
    match avro["type"]:
        case "record" | "error":
            known[avro["name"]] = _OPEN
            parts = [_least_bytes(field["type"], known, depth + 1) for field in avro["fields"]]
            known[avro["name"]] = max(parts, default=0)
            return known[avro["name"]]
        case "fixed":
            known[avro["name"]] = int(avro["size"] > 0)
            return known[avro["name"]]
        case "array" | "map" as kind:
            least = _least_bytes(avro["items" if kind == "array" else "values"], known, depth + 1)
            if kind == "array" and not least:
                message = "an array of items without bytes"
                raise ContractError(message)
            return 1
        case kind:
            return _least_bytes(kind, known, depth + 1)


def _least_bytes_of_name(name: str, known: dict[str, int]) -> int:
    least = known.get(name, int(name != "null"))
    if least == _OPEN:
        message = f"the schema is recursive: {name} contains itself"
        raise ContractError(message)
    return least
