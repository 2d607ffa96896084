"""What a stretch holds, counted before anything is done with it, in memory that does not grow."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from minuet.event.record import SCHEMA, SCHEMA_PREFIX, TYPE, timestamp
from minuet.kafka.kept import Kept

_KEPT = 50_000  # the smallest hashes; beyond so many sagas their number is estimated, to 1 %
_SPACE = 1 << 61


class Distinct:
    """How many different things there were: exactly up to 50,000, then about."""

    def __init__(self) -> None:
        self._found: set[int] = set()
        self._below = _SPACE

    def add(self, thing: bytes) -> None:
        """Take a thing."""
        place = hash(thing) % _SPACE
        if place < self._below:
            self._found.add(place)
            if len(self._found) > 2 * _KEPT:
                self._found = set(sorted(self._found)[:_KEPT])
                self._below = max(self._found)

    @property
    def exact(self) -> bool:
        """Whether the number is no estimate."""
        return self._below == _SPACE

    def __len__(self) -> int:
        if self.exact:
            return len(self._found)
        return round((len(self._found) - 1) / self._below * _SPACE)


@dataclass
class Survey:
    """Counts of what was taken.

    Args:
        asked: sagas that were asked for by name.

    Attributes:
        types: records by the type of their event; those that name none are under the empty name.
        first_ms, last_ms: the span of their times.
        schemas: fingerprints of the writers' schemas.
        sagas_seen: of the sagas that were asked for by name.
    """

    asked: frozenset[bytes] = frozenset()

    records: int = 0
    types: Counter[str] = field(default_factory=Counter)
    sagas: Distinct = field(default_factory=Distinct)
    first_ms: int = 0
    last_ms: int = 0
    schemas: set[str] = field(default_factory=set)
    sagas_seen: set[bytes] = field(default_factory=set)

    def add(self, record: Kept) -> None:
        """Count a record."""
        name = schema = b""
        for each, value in record.headers:
            if each == TYPE:
                name = value or b""
            elif each == SCHEMA:
                schema = value or b""
        self.records += 1
        self.types[name.decode(errors="replace")] += 1
        self.sagas.add(record.key or b"")
        if record.key in self.asked:
            self.sagas_seen.add(record.key)
        if not self.first_ms or record.time < self.first_ms:
            self.first_ms = record.time
        self.last_ms = max(self.last_ms, record.time)
        if schema.startswith(SCHEMA_PREFIX):
            self.schemas.add(schema.removeprefix(SCHEMA_PREFIX).decode(errors="replace"))

    def as_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "records": self.records,
            "sagas": len(self.sagas),
            "sagas_exact": self.sagas.exact,
            "first": timestamp(self.first_ms).decode() if self.records else "",
            "last": timestamp(self.last_ms).decode() if self.records else "",
            "types": dict(self.types.most_common()),
        }
