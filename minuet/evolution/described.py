"""A schema in words, for people: what a field is, and which fields are personal data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from minuet.contracts.safety import definitions
from minuet.contracts.scalars import Json


@dataclass(frozen=True)
class Field:
    """A field of an event, or of a record inside it.

    Args:
        path: as `lines[].price`.
        type: in words.
        default: as JSON; empty where there is none.
        pii: whether it is marked as personal data.
        formerly: names it had.
    """

    path: str
    type: str
    default: str
    pii: bool
    formerly: tuple[str, ...]


def fields(avro: Json) -> Iterator[Field]:
    """Yield the fields of a schema, those inside a record after the field that holds it."""
    yield from _fields(avro, "", definitions(avro))


def type_in_words(avro: Json) -> str:
    """Return what a type is."""
    if isinstance(avro, str):
        return avro
    if isinstance(avro, list):
        return " | ".join(map(type_in_words, avro))
    match avro:
        case {"logicalType": "decimal"}:
            return f"decimal({avro['precision']}, {avro.get('scale', 0)})"
        case {"logicalType": logical}:
            return str(logical)
        case {"items": items}:
            return f"list of {type_in_words(items)}"
        case {"values": values}:
            return f"map of {type_in_words(values)}"
        case {"symbols": symbols}:
            return f"{avro['name']}: {', '.join(symbols)}"
    return str(avro.get("name") or avro["type"])


def _fields(record: Json, path: str, named: dict[str, Json]) -> Iterator[Field]:
    for field in record["fields"]:
        place = f"{path}{field['name']}"
        default = json.dumps(field["default"]) if "default" in field else ""
        words, former = type_in_words(field["type"]), tuple(field.get("aliases", ()))
        yield Field(place, words, default, bool(field.get("pii")), former)
        for inner, inside in _records(field["type"], place, named):
            yield from _fields(inside, f"{inner}.", named)


def _records(avro: Json, path: str, named: dict[str, Json]) -> Iterator[tuple[str, Json]]:
    """Yield the records in a type, each with the path that leads to it."""
    avro = named.get(avro, avro) if isinstance(avro, str) else avro
    if isinstance(avro, list):
        several = sum(isinstance(named.get(str(b), b), dict) for b in avro) > 1
        for branch in avro:
            for inner, record in _records(branch, path, named):
                name = record["name"].rpartition(".")[2]
                yield (f"{inner}<{name}>" if several else inner), record
    elif isinstance(avro, dict) and "fields" in avro:
        yield path, avro
    elif isinstance(avro, dict) and ("items" in avro or "values" in avro):
        part, mark = ("items", "[]") if "items" in avro else ("values", "{}")
        yield from _records(avro[part], path + mark, named)
