"""Avro's binary form of numbers, texts and bytes, as parts of a row to be joined.

fastavro wants a dictionary for each record, which cost more than the bytes themselves. The form is
that of the specification: Avro 1.12, "Binary Encoding".
"""

from __future__ import annotations

_SHORT_MOST = 1 << 12  # numbers from 0 whose bytes are kept ready: most lengths and counts


def _number(number: int) -> bytes:
    zigzag = (number << 1) if number >= 0 else ((-number) << 1) - 1
    found = []
    while zigzag > 0x7F:
        found.append(0x80 | (zigzag & 0x7F))
        zigzag >>= 7
    found.append(zigzag)
    return bytes(found)


_SHORT = [_number(number) for number in range(_SHORT_MOST)]


def number(value: int) -> bytes:
    """Return an int or long: zig-zag, seven bits a byte, lowest first."""
    return _SHORT[value] if 0 <= value < _SHORT_MOST else _number(value)


def add_text(parts: list[bytes], value: str) -> None:
    """Add a string: its length in bytes, then UTF-8."""
    if not value:
        parts.append(b"\x00")
        return
    add_bytes(parts, value.encode())


def add_bytes(parts: list[bytes], value: bytes) -> None:
    """Add bytes: their length, then themselves."""
    parts.append(number(len(value)))
    parts.append(value)


def read_number(data: bytes, at: int) -> tuple[int, int]:
    """Read an int or long at `at`; return it and where the next value begins."""
    shift = value = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1), at
        shift += 7
