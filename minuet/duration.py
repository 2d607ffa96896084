"""How people write a length of time: `200ms`, `10s`, `1m`, `2h`, `7d`."""

from __future__ import annotations

import re

_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_WRITTEN = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def parse_ms(text: str) -> int:
    """Return a length of time in milliseconds, at least 1.

    Raises:
        ValueError: it is not a number and a unit, or shorter than a millisecond.
    """
    found = _WRITTEN.fullmatch(text) if isinstance(text, str) else None
    if found is None or (length_ms := round(float(found[1]) * _UNITS_MS[found[2]])) < 1:
        message = f"{text!r} is not a length of time such as 200ms, 10s, 1m, 2h or 7d"
        raise ValueError(message)
    return length_ms


def written(ms: int) -> str:
    """Return a length of time in milliseconds as people write it, in the largest whole unit."""
    units = sorted(_UNITS_MS.items(), key=lambda unit: -unit[1])
    return next(f"{ms // size}{unit}" for unit, size in units if ms % size == 0)
