"""Input lines as validated events: JSON lines and CSV, each line on its own.

A line that is no event is yielded with the reason; reading goes on behind it. Reasons never
repeat the values of a line, which may be personal data.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, BinaryIO, NamedTuple

from pydantic import ValidationError

from minuet.errors import UsageError
from minuet.event.model import Event

_BOM = b"\xef\xbb\xbf"
_REASONS_MOST = 3

# A JSON number is read as a float, which keeps 15 digits of any number and 17 of some.
_LONG_NUMBER = re.compile(rb"[0-9.]{17}")


class Row(NamedTuple):
    """A line of the input: the event, or why it is none.

    Args:
        number: of its (first) line, from 1.
        text: verbatim, without the line end.
        event: None when it was refused.
        reason: of the refusal.
        id: that the input itself has for the event; empty for one made from the key.
    """

    number: int
    text: bytes
    event: Event | None
    reason: str = ""
    id: str = ""


Reader = Callable[[BinaryIO, type[Event]], Iterator[Row]]


def read_json_lines(stream: BinaryIO, model: type[Event]) -> Iterator[Row]:
    """Each line of `stream` as an event of `model`; empty lines are passed over."""
    validate = model.__pydantic_validator__.validate_json
    for number, line in enumerate(stream, 1):
        text = line.rstrip(b"\r\n")
        if number == 1:
            text = text.removeprefix(_BOM)
        if not text.strip():
            continue
        if reason := cut_short(text):
            yield Row(number, text, None, reason)
            continue
        try:
            yield Row(number, text, validate(text))
        except ValidationError as error:
            yield Row(number, text, None, why(error))


def _names(cells: list[str], model: type[Event]) -> list[str]:
    names = [name.strip() for name in cells]
    if twice := [name for name in names if names.count(name) > 1]:
        message = f"the first line of the CSV names {twice[0]!r} twice"
        raise UsageError(message)
    if not set(names) & set(model.model_fields):
        known = ", ".join(model.model_fields)
        message = f"the first line of the CSV names no field of {model.__name__}; it has: {known}"
        raise UsageError(message)
    return names


def read_csv(stream: BinaryIO, model: type[Event]) -> Iterator[Row]:
    """Each row of `stream` as an event of `model`; the first row names the fields.

    An empty cell is left out where the model has a default.

    Raises:
        UsageError: the first row names a field twice, or none at all.
    """
    lines = _Lines(stream)
    rows = csv.reader(lines, strict=True)
    names: list[str] | None = None
    optional = {name for name, field in model.model_fields.items() if not field.is_required()}
    while True:
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(*lines.taken(), None, f"not CSV: {error}")
            continue
        number, text = lines.taken()
        if not cells:
            continue
        if names is None:
            names = _names(cells, model)
        elif len(cells) != len(names):
            yield Row(number, text, None, f"{len(cells)} cells under {len(names)} names")
        else:
            pairs = zip(names, cells, strict=True)
            filled: dict[str, Any] = {
                name: cell for name, cell in pairs if cell or name not in optional
            }
            yield _from_cells(number, text, filled, model)


def _from_cells(number: int, text: bytes, cells: dict[str, Any], model: type[Event]) -> Row:
    try:
        text.decode()
        return Row(number, text, model.__pydantic_validator__.validate_strings(cells))
    except ValidationError as error:
        return Row(number, text, None, why(error))
    except UnicodeDecodeError:
        return Row(number, text, None, "not UTF-8")


class _Lines:
    """The lines of a stream as text, remembering the bytes of those taken since asked."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._count = 0
        self._taken: list[bytes] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._stream)
        if not self._count:
            line = line.removeprefix(_BOM)
        self._count += 1
        self._taken.append(line)
        return line.decode("utf-8", "surrogateescape")

    def taken(self) -> tuple[int, bytes]:
        """The number of the first line taken since the last call, and the bytes of all."""
        taken, self._taken = self._taken, []
        return self._count - len(taken) + 1, b"".join(taken).rstrip(b"\r\n")


def why(error: ValidationError) -> str:
    """What a model refuses, field by field, without the values."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    parts = []
    for one in found[:_REASONS_MOST]:
        place = ".".join(str(part) for part in one["loc"])
        parts.append(f"{place}: {one['msg']}" if place else one["msg"])
    more = len(found) - len(parts)
    return "; ".join(parts) + (f"; and {more} more" if more else "")


def cut_short(text: bytes) -> str:
    """Why JSON with a long number is refused; empty when no digit would be lost."""
    if not _LONG_NUMBER.search(text):
        return ""
    lost: list[str] = []

    def keep(digits: str) -> float:
        value = float(digits)
        if Decimal(repr(value)) != Decimal(digits):
            lost.append(digits)
        return value

    try:
        json.loads(text, parse_float=keep)
    except (ValueError, RecursionError, ArithmeticError):
        return ""  # the model's own validation says what is wrong
    return "a number has more digits than JSON numbers keep: write it as a string" if lost else ""
