"""Values of a schema, as fastavro takes them: the ends of each type, each symbol, each branch."""

from __future__ import annotations

from io import BytesIO
from itertools import cycle, islice
from typing import Any

from fastavro import parse_schema, schemaless_writer

from minuet.contracts.safety import bare, definitions

WIDTH = 5  # no type of the table has more different examples
UUID_TEXT = "00000000-0000-0000-0000-00000000000a"


def values(avro: Any) -> list[Any]:
    """WIDTH values, in which each branch and symbol is met."""
    return list(islice(cycle(examples(avro, definitions(avro))), WIDTH))


def body(avro: Any, value: Any) -> bytes:
    buffer = BytesIO()
    schemaless_writer(buffer, parse_schema(bare(avro)), value)
    return buffer.getvalue()


def examples(avro: Any, named: dict[str, Any]) -> list[Any]:
    if isinstance(avro, list):
        return [(tag(branch), each) for branch in avro for each in examples(branch, named)[:2]]
    if isinstance(avro, str):
        return SCALARS[avro] if avro in SCALARS else examples(named[avro], named)
    kind = avro["type"]
    match kind:
        case "record":
            parts = [examples(field["type"], named) for field in avro["fields"]]
            rows = [islice(cycle(part), WIDTH) for part in parts]
            names = [field["name"] for field in avro["fields"]]
            return [dict(zip(names, row, strict=True)) for row in zip(*rows, strict=True)] or [{}]
        case "array":
            return [examples(avro["items"], named), []]
        case "map":
            found = examples(avro["values"], named)
            return [{str(number): each for number, each in enumerate(found)}, {}]
        case "enum":
            return list(avro["symbols"])
        case "fixed":
            return [b"\x01" * avro["size"]]
    return LOGICAL.get(avro.get("logicalType")) or SCALARS[kind]


def tag(branch: Any) -> str:
    return branch if isinstance(branch, str) else branch.get("name") or branch["type"]


SCALARS: dict[str, list[Any]] = {
    "null": [None],
    "boolean": [True, False],
    "int": [2**31 - 1, -(2**31), 0],
    "long": [2**63 - 1, -(2**63), 0],
    "float": [0.5, -1.0],
    "double": [0.1, 1e300],
    "string": ["text", ""],
    "bytes": [b"\x80\xff", b""],
}
LOGICAL: dict[Any, list[Any]] = {
    "decimal": [b"\x01", b"\xff\x00"],
    "uuid": [UUID_TEXT],
    "date": [0, 20_000],
    "time-millis": [86_399_999, 0],
    "time-micros": [86_399_999_999, 0],
    "timestamp-millis": [1_700_000_000_123, -1],
    "timestamp-micros": [1_700_000_000_123_456, -1],
}
