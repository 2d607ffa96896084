"""Records in an Avro object container file: bytes as they are, and the schemas to read them with.

The blocks are put together here, since an encoder for any schema takes five times as long as one
for this schema. The file's metadata holds the writers' schemas, so that it can be read where no
registry of ours is.
"""

from __future__ import annotations

import json
import os
import zlib
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, BinaryIO

import fastavro

from minuet.errors import UsageError
from minuet.kafka.kept import Kept

_BYTES = ["null", "bytes"]
_HEADER = {
    "type": "record",
    "name": "Header",
    "fields": [{"name": "name", "type": "string"}, {"name": "value", "type": _BYTES}],
}
SCHEMA = {
    "type": "record",
    "name": "Record",
    "namespace": "minuet.replay",
    "fields": [
        {"name": "partition", "type": "int"},
        {"name": "offset", "type": "long"},
        {"name": "time", "type": "long", "doc": "ms since 1970"},
        {"name": "key", "type": _BYTES},
        {"name": "value", "type": _BYTES},
        {"name": "headers", "type": {"type": "array", "items": _HEADER}},
    ],
}
_MAGIC = b"Obj\x01"
_SYNC_BYTES = 16
_BLOCK_BYTES = 1 << 16
_WAITING_MOST = 8  # blocks that are being compressed
_LEVEL = 1  # half again as large as the best, and several times as fast
_NO_ZLIB_HEADER = -15
_ABSENT, _PRESENT = b"\x00", b"\x02"  # the places of null and bytes in their union


@dataclass(frozen=True)
class About:
    """What a file says of itself.

    Args:
        workflow: whose log it was.
        partitions: of that log.
        schemas: fingerprint -> the text of a writer's schema.
    """

    workflow: str
    partitions: int
    schemas: Mapping[str, str]


class ContainerWriter:
    """Writes records; a block is compressed beside the writing, and written when it is done.

    Args:
        stream: open for writing, at its end; empty for a new file.
        about: what the file says of itself.
        sync: the marker between blocks, of a file that is gone on with.
    """

    def __init__(self, stream: BinaryIO, about: About, sync: bytes = b"") -> None:
        self.sync = sync or os.urandom(_SYNC_BYTES)
        self._stream = stream
        self._parts: list[bytes] = []
        self._size = self._count = 0
        self._pool = ThreadPoolExecutor(1)
        self._waiting: deque[tuple[int, Future[bytes]]] = deque()
        self._names: dict[str, bytes] = {}
        if not sync:
            stream.write(_head(about, self.sync))

    def add(self, record: Kept) -> None:
        """Take a record."""
        encoded = self._encode(record)
        self._parts.append(encoded)
        self._size += len(encoded)
        self._count += 1
        if self._size >= _BLOCK_BYTES:
            self._end_block()

    def flush(self) -> None:
        """Write all that was taken."""
        if self._count:
            self._end_block()
        while self._waiting:
            self._write()

    def close(self) -> None:
        """End the thread that compresses."""
        self._pool.shutdown()

    def _end_block(self) -> None:
        data = b"".join(self._parts)
        self._waiting.append((self._count, self._pool.submit(_deflate, data)))
        self._parts, self._size, self._count = [], 0, 0
        while len(self._waiting) > _WAITING_MOST:
            self._write()

    def _write(self) -> None:
        count, future = self._waiting.popleft()
        data = future.result()
        self._stream.write(b"".join((_long(count), _long(len(data)), data, self.sync)))

    def _encode(self, record: Kept) -> bytes:
        parts = [_long(record.partition), _long(record.offset), _long(record.time)]
        for each in (record.key, record.value):
            parts += (_ABSENT,) if each is None else (_PRESENT, _long(len(each)), each)
        if record.headers:
            parts.append(_long(len(record.headers)))
        for name, value in record.headers:
            encoded = self._names.get(name) or self._name(name)
            if value is None:
                parts += (encoded, _ABSENT)
            else:
                parts += (encoded, _PRESENT, _long(len(value)), value)
        parts.append(b"\x00")
        return b"".join(parts)

    def _name(self, name: str) -> bytes:
        raw = name.encode("utf-8", "surrogateescape")
        encoded = _long(len(raw)) + raw
        if len(self._names) < len(_LONGS):
            self._names[name] = encoded
        return encoded


def read_container(stream: BinaryIO, name: str) -> tuple[About, Iterator[Kept]]:
    """Return what a file says of itself, and its records.

    Raises:
        UsageError: it is no such file; while records are read, that it is damaged.
    """
    try:
        reader: Any = fastavro.reader(stream)
        meta = reader.metadata
        about = About(
            meta["minuet.workflow"], int(meta["minuet.partitions"]),
            json.loads(meta["minuet.schemas"]),
        )  # fmt: skip
    except Exception as error:  # whatever bytes can make fastavro raise
        message = f"{name} is no file of `minuet replay`: {type(error).__name__}"
        raise UsageError(message) from error
    return about, _records(reader, name)


def _records(reader: Any, name: str) -> Iterator[Kept]:
    try:
        for found in reader:
            headers = [(each["name"], each["value"]) for each in found["headers"]]
            yield Kept(
                found["partition"], found["offset"], found["time"], found["key"], found["value"],
                headers,
            )  # fmt: skip
    except Exception as error:  # as above
        message = f"{name} is damaged, or was cut short: {type(error).__name__}"
        raise UsageError(message) from error


def _head(about: About, sync: bytes) -> bytes:
    meta = {
        "avro.schema": json.dumps(SCHEMA),
        "avro.codec": "deflate",
        "minuet.workflow": about.workflow,
        "minuet.partitions": str(about.partitions),
        "minuet.schemas": json.dumps(about.schemas),
    }
    parts = [_MAGIC, _long(len(meta))]
    for name, text in meta.items():
        for raw in (name.encode(), text.encode()):
            parts += (_long(len(raw)), raw)
    return b"".join((*parts, b"\x00", sync))


def _deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(_LEVEL, wbits=_NO_ZLIB_HEADER)
    return packer.compress(data) + packer.flush()


def _encoded(number: int) -> bytes:
    """Return Avro's long: zigzag, seven bits in each byte."""
    rest = (number << 1) ^ (number >> 63)
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


_LONGS = tuple(_encoded(number) for number in range(4096))


def _long(number: int) -> bytes:
    return _LONGS[number] if 0 <= number < 4096 else _encoded(number)
