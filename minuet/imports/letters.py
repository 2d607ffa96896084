"""A record that could not be imported, as a dead letter of the workflow: its bytes, and why."""

from __future__ import annotations

from typing import NamedTuple

from minuet.event.ids import dead_letter_id
from minuet.kafka.raw import Raw
from minuet.kafka.writer import Headers

CATEGORY = "import"


class Letter(NamedTuple):
    """A dead letter, not yet sent."""

    key: bytes
    value: bytes
    headers: Headers


def letter_of(record: Raw, topic: str, error: str, *, without_value: bool = False) -> Letter:
    """Return the letter of a record of `topic`; the same record makes the same letter."""
    identity = dead_letter_id(topic, record.partition, record.offset, "", 0)
    headers: Headers = [
        *record.headers,
        ("minuet_letter", identity.encode()),
        ("minuet_category", CATEGORY.encode()),
        ("minuet_error", error.encode()),
        ("minuet_step", b""),
        ("minuet_slot", b""),
        ("minuet_attempt", b"0"),
        ("minuet_source", f"{topic}/{record.partition}/{record.offset}".encode()),
        ("minuet_source_time", str(record.time).encode()),
    ]
    if without_value:
        headers.append(("minuet_left_out", b"value"))
    return Letter(record.key, b"" if without_value else record.value, headers)
