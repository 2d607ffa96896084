"""What few bytes could become: refused by the schema, or counted before any object is made."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest
from pydantic import create_model

from minuet.contracts.budget import (
    OBJECTS_MOST,
    VALUE_BYTES_MOST,
    refuse_excess,
    unguarded_bytes,
)
from minuet.contracts.codec import Codec
from minuet.contracts.registry import LocalRegistry
from minuet.contracts.safety import TEXT_MOST, refuse_dangerous, safe_schema
from minuet.errors import ContractError, UnreadableValue
from minuet.event.model import Event


def listed(items: Any) -> dict[str, Any]:
    return {"type": "record", "name": "a.R", "fields": [{"name": "x", "type": many(items)}]}


def many(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


def record(name: str, *types: Any) -> dict[str, Any]:
    fields = [{"name": f"f{number}", "type": each} for number, each in enumerate(types)]
    return {"type": "record", "name": name, "fields": fields}


def drawn(**fields: Any) -> Any:
    return create_model("Drawn", __base__=Event, __module__="drawn", **fields)


def varint(number: int) -> bytes:
    number = (number << 1) ^ (number >> 63)
    raw = b""
    while number > 0x7F:
        raw, number = raw + bytes([number & 0x7F | 0x80]), number >> 7
    return raw + bytes([number])


def test_an_event_without_lists_is_never_walked() -> None:
    assert unguarded_bytes(record("a.R", "string", ["null", "bytes"])) == VALUE_BYTES_MOST


@pytest.mark.parametrize(
    ("items", "objects_of_a_byte"),
    [
        ("boolean", 1),
        ("string", 1),
        ("double", 1),
        (["null", "string"], 1),
        (record("a.One", "boolean"), 4),
        (record("a.Many", *["null"] * 100, "boolean"), 128),
        (many("boolean"), 1),
        ({"type": "map", "values": "null"}, 1),
    ],
)
def test_how_large_a_value_goes_unwalked_depends_on_what_its_items_cost(
    items: Any, objects_of_a_byte: int
) -> None:
    found = unguarded_bytes(listed(items))
    assert found * objects_of_a_byte == pytest.approx(OBJECTS_MOST, rel=0.001)


@pytest.mark.parametrize(
    ("avro", "body", "why"),
    [
        (listed("string"), varint(2**40) + b"\x00" * 50, "a list of 1,099,511,627,776 items in 50"),
        (listed("string"), varint(-(2**40)) + varint(9) + b"\x00" * 5, "a list of 1,099,511,627"),
        (listed("double"), varint(10) + b"\x00" * 79, "a list of 10 items in 79 bytes"),
        ({"type": "map", "values": "long"}, varint(9) + b"\x00" * 17, "a list of 9 items in 17"),
        (listed("boolean"), varint(300_000) + b"\x00" * 300_001, "more than 250,000 parts"),
        (
            listed(record("a.M", *["null"] * 99, "boolean")),
            varint(3_000) + b"\x00" * 3_001,
            "more than 250,000 parts",
        ),
        (record("a.S", "string"), varint(2**40), "ends too early"),
        (record("a.S", "string"), varint(-1), "ends too early"),
        (record("a.U", ["null", "long"]), varint(2), "ends too early"),
        (record("a.L", "long"), b"\xff" * 11, "ends too early"),
        (record("a.L", "long", "double"), b"\x02\x00", "ends too early"),
    ],
)
def test_what_claims_more_than_it_has_is_refused(avro: Any, body: bytes, why: str) -> None:
    with pytest.raises(ContractError, match=why):
        refuse_excess(avro, b"\x00" * 5 + body, 5)


def test_the_codec_refuses_before_it_decodes() -> None:
    model = drawn(flags=(list[bool], ...))
    codec = Codec([model], LocalRegistry())
    value, schema, _ = codec.encode(model(flags=[True] * 200_000))
    decoded: Any = codec.decode("Drawn", schema, value)
    assert len(decoded.flags) == 200_000
    value = codec.encode(model(flags=[True] * 300_000)).value
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableValue, match="Drawn: a value of more than 250,000 parts"):
            codec.decode("Drawn", schema, value)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_value_of_too_many_bytes_is_refused() -> None:
    model = drawn(raw=(bytes, ...))
    codec = Codec([model], LocalRegistry())
    value, schema, _ = codec.encode(model(raw=b""))
    with pytest.raises(UnreadableValue, match="a value of 16,777,217 bytes, where 16,777,216 is"):
        codec.decode("Drawn", schema, value.ljust(VALUE_BYTES_MOST + 1, b"\x00"))


def doubled(times: int) -> dict[str, Any]:
    """A schema that holds its first type 2 ** times over, in a few hundred characters."""
    types: list[Any] = [record("a.R0", "null")]
    types += [record(f"a.R{n}", f"a.R{n - 1}", f"a.R{n - 1}") for n in range(1, times)]
    return record("a.Top", *types)


def test_types_that_hold_each_other_many_times_over_are_refused() -> None:
    refuse_dangerous(doubled(8))
    with pytest.raises(ContractError, match="more than 10,000 fields"):
        refuse_dangerous(doubled(20))


def test_depth_is_counted_through_names() -> None:
    types: list[Any] = [record("a.R0", "boolean")]
    types += [record(f"a.R{number}", f"a.R{number - 1}") for number in range(1, 40)]
    with pytest.raises(ContractError, match="nested more than 32 deep"):
        refuse_dangerous(record("a.Top", *types))


def test_a_schema_of_too_much_text_is_not_parsed() -> None:
    with pytest.raises(ContractError, match=r"characters, where 524,288 is the most"):
        safe_schema(" " * (TEXT_MOST + 1))


@pytest.mark.parametrize("part", ['[{"a":', '{"type":"array","items":'])
def test_json_nested_beyond_all_reason_does_not_reach_the_parser(part: str) -> None:
    with pytest.raises((ContractError, RecursionError, ValueError)):
        safe_schema(part * 5_000)
    closing = "".join("}" if c == "{" else "]" for c in reversed(part) if c in "[{")
    with pytest.raises(ContractError, match="nested more than 32 deep"):
        safe_schema(part * 300 + '"null"' + closing * 300)


@pytest.mark.parametrize("size", [-1, 1.5, "3", True])
def test_a_fixed_of_no_possible_size_is_refused(size: Any) -> None:
    fixed = {"type": "fixed", "name": "a.F", "size": size}
    with pytest.raises(ContractError, match=r"a\.F has a size that no value has"):
        safe_schema(json.dumps(record("a.R", many(fixed))))


def test_a_decimal_of_too_many_digits_is_refused_before_anyone_counts_them() -> None:
    decimal = {"type": "bytes", "logicalType": "decimal", "scale": 2}
    safe_schema(json.dumps(record("a.R", decimal | {"precision": 1_000})))
    with pytest.raises(ContractError, match="a decimal of more than 1,000 digits"):
        safe_schema(json.dumps(record("a.R", decimal | {"precision": 10**9})))
