"""Two rows of one saga compared, in the words of the row's schema.

Lists of entries, tries and incidents are compared by what they are about: their order says
nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import Any

import fastavro

from minuet.core.row import ROW_SCHEMA
from minuet.verify.report import FieldDifference

_PARSED = fastavro.parse_schema(ROW_SCHEMA)
_NAMED_BY = {"entries": "id", "tries": "slot", "incidents": "key"}
_ABSENT = "-"
_BYTES_SHOWN = 24


class UnreadableRow(ValueError):
    """Bytes that are no row."""


def read_row(row: bytes) -> dict[str, Any]:
    """Return a row's fields.

    Raises:
        UnreadableRow: it is none; says why.
    """
    buffer = BytesIO(row)
    try:
        fields: Any = fastavro.schemaless_reader(buffer, _PARSED, None)
    except Exception as error:  # whatever bytes can make fastavro raise
        message = f"not the Avro of a row ({type(error).__name__})"
        raise UnreadableRow(message) from error
    if buffer.tell() != len(row):
        message = f"{len(row) - buffer.tell()} bytes are left after the row"
        raise UnreadableRow(message)
    return dict(fields)


def compare(stored: bytes, folded: bytes) -> tuple[FieldDifference, ...]:
    """Return the fields in which two rows differ.

    Raises:
        UnreadableRow: the stored one cannot be read.
    """
    if stored == folded:
        return ()
    left, right = _flat(read_row(stored)), _flat(read_row(folded))
    return tuple(
        FieldDifference(name, _text(left.get(name)), _text(right.get(name)))
        for name in dict.fromkeys((*left, *right))
        if left.get(name) != right.get(name)
    )


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    return dict(_walk("", row))


def _walk(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, list) and path in _NAMED_BY:
        name = _NAMED_BY[path]
        for each in value:
            yield from _walk(f"{path}[{each[name]}]", each)
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _walk(f"{path}.{name}" if path else name, inner)
    else:
        yield path, value


def _text(value: Any) -> str:
    if value is None:
        return _ABSENT
    if isinstance(value, bytes):
        shown = value[:_BYTES_SHOWN].hex()
        more = "…" if len(value) > _BYTES_SHOWN else ""
        return f"{len(value)} bytes {shown}{more}"
    return str(value)
