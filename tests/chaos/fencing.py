"""Stands before a broker that names no broker at all for a while, as one that is fenced does."""

from __future__ import annotations

import struct

from minuet.chaos.proxy import Proxy

METADATA = 3
LENGTH = struct.Struct(">i")


class Fencing(Proxy):
    """A proxy.

    Attributes:
        is_fenced: whether now each answer to a Metadata request has its brokers taken out.
        emptied: how many have been.
    """

    watches = METADATA
    is_fenced = False
    emptied = 0

    def _answered(self, frame: bytes) -> bytes | None:
        if not self.is_fenced:
            return frame
        self.emptied += 1
        return without_brokers(frame)


def without_brokers(frame: bytes) -> bytes:
    """Take the brokers out of a Metadata response of version 9 or more (KIP-482's encoding)."""
    at = begin = LENGTH.size + 4 + 1 + 4  # correlation id, no tags, throttle time
    count, at = _varint(frame, at)
    for _ in range(count - 1):
        at += 4  # its id
        length, at = _varint(frame, at)
        at += length - 1 + 4  # its host and port
        length, at = _varint(frame, at)
        at += max(0, length - 1) + 1  # its rack, no tags
    body = frame[LENGTH.size : begin] + b"\x01" + frame[at:]
    return LENGTH.pack(len(body)) + body


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return value, at
