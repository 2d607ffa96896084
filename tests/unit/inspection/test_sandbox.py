"""Bytes that crash a decoder crash a process that is there for it."""

from __future__ import annotations

import json

from minuet.inspection.sandbox import Decoded, decode

PREFIX = b"\0\0\0\0\1"
PRICE = json.dumps(
    {
        "type": "record",
        "name": "Price",
        "fields": [
            {"name": "what", "type": "string"},
            {
                "name": "price",
                "type": {"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 2},
            },
        ],
    }
)
RECURSIVE = json.dumps(
    {"type": "record", "name": "N", "fields": [{"name": "next", "type": ["null", "N"]}]}
)


def test_a_good_value_is_told_with_its_logical_types() -> None:
    found = decode(PRICE, PREFIX + b"\x04hi\x04\x04\xd2")
    assert found == Decoded('{"what": "hi", "price": "12.34"}')


def test_what_is_left_behind_the_event_is_told() -> None:
    found = decode(PRICE, PREFIX + b"\x04hi\x04\x04\xd2!!")
    assert (found.text != "", found.why) == (True, "2 bytes are left after the event")


def test_rotten_bytes_are_told() -> None:
    assert "no such Avro (EOFError" in decode(PRICE, PREFIX + b"\x7f").why
    assert "no such Avro" in decode("{", PREFIX).why


def test_bytes_that_kill_a_decoder_kill_only_that_process() -> None:
    assert "kills the process" in decode(RECURSIVE, PREFIX + b"\x02" * 2_000_000).why
