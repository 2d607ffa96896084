"""Lines that did not go through: the first few for the screen, all of them for a file."""

from __future__ import annotations

import json
from typing import NamedTuple, TextIO

_SHOWN_MOST = 20


class Rejected(NamedTuple):
    """A line and why it did not go through."""

    line: int
    reason: str


class Rejects:
    """Takes each line that did not go through.

    The file has one JSON object a line: `line`, `reason`, and `text`, the line verbatim (bytes
    that are not UTF-8 as Python's `surrogateescape` writes them).
    """

    def __init__(self, file: TextIO | None = None) -> None:
        self.shown: list[Rejected] = []
        self._file = file

    def add(self, line: int, text: bytes, reason: str) -> None:
        """Keep a line."""
        if len(self.shown) < _SHOWN_MOST:
            self.shown.append(Rejected(line, reason))
        if self._file is not None:
            verbatim = text.decode("utf-8", "surrogateescape")
            kept = {"line": line, "reason": reason, "text": verbatim}
            self._file.write(json.dumps(kept) + "\n")
