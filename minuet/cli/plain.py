"""Text that somebody else wrote, made fit for a terminal: errors and headers may hold anything."""

from __future__ import annotations

_SHOWN = 60


def plain(text: str) -> str:
    """The text without characters that would do something to a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def short(text: str) -> str:
    """The same in one line for a column."""
    line = plain(" ".join(text.split()))
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"
