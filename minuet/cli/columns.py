"""Plain columns, as wide as they must be: the same on a terminal and in a pipe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def columns(names: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    """Yield the heading and the rows; whole numbers stand on the right."""
    cells = [[_text(cell) for cell in row] for row in rows]
    widths = [max(len(text) for text in column) for column in zip(names, *cells, strict=True)]
    right = [bool(rows) and isinstance(cell, int) for cell in (rows[0] if rows else names)]
    for line in ([name.upper() for name in names], *cells):
        parts = [
            text.rjust(width) if number else text.ljust(width)
            for text, width, number in zip(line, widths, right, strict=True)
        ]
        yield "  ".join(parts).rstrip()


def _text(cell: object) -> str:
    return f"{cell:,}" if isinstance(cell, int) else str(cell)
