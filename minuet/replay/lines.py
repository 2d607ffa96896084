"""Records as JSON lines: the event decoded, for people and `jq`, and its bytes; nothing is lost.

The first line says what the file is and has the schemas; each other line is a record.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from minuet.errors import UsageError
from minuet.kafka.kept import Kept
from minuet.replay.container import About

_FILE = "minuet replay"

# The fields of a record's event, or why they cannot be read.
Decode = Callable[[Kept], tuple[dict[str, Any] | None, str]]


class LineWriter:
    """Writes records.

    Args:
        stream: open for writing, at its end.
        about: what the file says of itself.
        decode: what is shown of a value.
        begun: it is a file that is gone on with.
    """

    def __init__(
        self, stream: BinaryIO, about: About, decode: Decode, *, begun: bool = False
    ) -> None:
        self._stream, self._decode = stream, decode
        self.sync = b""
        if not begun:
            head = {"file": _FILE, "workflow": about.workflow, "partitions": about.partitions}
            self._line({**head, "schemas": dict(about.schemas)})

    def add(self, record: Kept) -> None:
        """Write a record."""
        event, why = self._decode(record)
        headers, exact = _headers(record)
        line: dict[str, Any] = {
            "partition": record.partition, "offset": record.offset, "time": record.time,
            "key": _text(record.key), "headers": headers, "event": event,
            "value_base64": _base64(record.value),
        }  # fmt: skip
        if why:
            line["unreadable"] = why
        if not _is_text(record.key):
            line["key_base64"] = _base64(record.key)
        if exact is not None:
            line["headers_base64"] = exact
        self._line(line)

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is open."""

    def _line(self, line: dict[str, Any]) -> None:
        self._stream.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")


def read_lines(stream: BinaryIO, name: str) -> tuple[About, Iterator[Kept]]:
    """Return what a file says of itself, and its records.

    Raises:
        UsageError: it is no such file; while records are read, that a line is none.
    """
    try:
        head = json.loads(stream.readline())
        if head["file"] != _FILE:
            raise ValueError(head["file"])
        about = About(head["workflow"], int(head["partitions"]), dict(head["schemas"]))
    except (ValueError, KeyError, TypeError) as error:
        message = f"{name} is no file of `minuet replay`: its first line does not say so"
        raise UsageError(message) from error
    return about, _records(stream, name)


def _records(stream: BinaryIO, name: str) -> Iterator[Kept]:
    for number, text in enumerate(stream, 2):
        try:
            line = json.loads(text)
            key = b64decode(line["key_base64"]) if "key_base64" in line else _bytes(line["key"])
            value = line["value_base64"]
            yield Kept(
                line["partition"], line["offset"], line["time"], key,
                None if value is None else b64decode(value), _given(line),
            )  # fmt: skip
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            message = f"{name}, line {number}: it is damaged, or was cut short"
            raise UsageError(message) from error


def _given(line: dict[str, Any]) -> list[tuple[str, bytes | None]]:
    if "headers_base64" in line:
        return [
            (name, None if raw is None else b64decode(raw)) for name, raw in line["headers_base64"]
        ]
    return [(name, text.encode()) for name, text in line["headers"].items()]


def _headers(record: Kept) -> tuple[dict[str, str | None], list[list[str | None]] | None]:
    """The headers as text, and their bytes as well where text cannot say them."""
    texts = {name: _text(value) for name, value in record.headers}
    exact = len(texts) == len(record.headers) and all(
        value is not None and _is_text(value) for _, value in record.headers
    )
    if exact:
        return texts, None
    return texts, [[name, _base64(value)] for name, value in record.headers]


def _is_text(raw: bytes | None) -> bool:
    try:
        return raw is None or raw.decode() is not None
    except UnicodeDecodeError:
        return False


def _text(raw: bytes | None) -> str | None:
    return None if raw is None else raw.decode(errors="replace")


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode()


def _base64(raw: bytes | None) -> str | None:
    return None if raw is None else b64encode(raw).decode()
