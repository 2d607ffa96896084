"""What goes between the command and the process that has the other version: plain data in frames.

Both are the same Python on the same machine, one started by the other, so frames are `marshal`.
"""

from __future__ import annotations

import marshal
from typing import IO, Any

from minuet.event.record import Record, UnreadableHeaders, parse
from minuet.kafka.kept import Kept

Raw = tuple[int, int, bytes | None, list[tuple[str, bytes | None]]]
"""A record: its offset, its time, its value and its headers."""

Saga = tuple[bytes, list[Raw]]
"""A key, and its records in their order."""

_LENGTH = 8


def raw_of(record: Kept) -> Raw:
    """A record as it stands on a log."""
    return record.offset, record.time, record.value, record.headers


def send(stream: IO[bytes], frame: Any) -> None:
    """Write a frame of lists, tuples, dicts, texts, bytes and numbers."""
    write(stream, frame)
    stream.flush()


def write(stream: IO[bytes], frame: Any) -> None:
    """Write a frame, and leave it to the buffer when it goes out."""
    packed = marshal.dumps(frame)
    stream.write(len(packed).to_bytes(_LENGTH, "big") + packed)


def receive(stream: IO[bytes]) -> Any:
    """Read a frame; None at the end."""
    length = stream.read(_LENGTH)
    if len(length) < _LENGTH:
        return None
    packed = stream.read(int.from_bytes(length, "big"))
    return marshal.loads(packed)


def records_of(saga: Saga) -> list[Record]:
    """The records of a saga that can be read; the others are nothing to it."""
    key, raws = saga
    found = []
    for offset, time, value, headers in raws:
        try:
            found.append(parse(key, value, headers, offset, time))
        except UnreadableHeaders:
            continue
    return found
