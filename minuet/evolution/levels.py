"""What a new version must keep to, by the level that its own schema declares.

BACKWARD: the new version reads what older ones wrote. FORWARD: older versions read what the new one
writes. FULL: both. Each looks at the version before; with _TRANSITIVE at all of them, which is the
level where nothing is declared: the log keeps events for ever, and workers of two versions run side
by side.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from minuet.contracts.scalars import Json
from minuet.event.marks import LEVELS, Compatibility
from minuet.evolution.committed import Version
from minuet.evolution.resolving import Broken, broken


@dataclass(frozen=True)
class Refusal:
    """One reason why a version may not follow another.

    Args:
        event: its type.
        number: of the version that is refused.
        against: the older version.
        backward: whether it is the new one that could not read, or else the old.
        level: that asks for it.
        broken: where, and by which rule.
    """

    event: str
    number: int
    against: int
    backward: bool
    level: Compatibility
    broken: Broken

    def __str__(self) -> str:
        new, old = f"v{self.number}", f"v{self.against}"
        reads = f"{new} cannot read {old}" if self.backward else f"{old} cannot read {new}"
        return f"{self.event}: {reads}, as {self.level} asks: {self.broken}"


def level_of(avro: Json) -> Compatibility:
    """Return what a schema declares."""
    declared = avro.get("compatibility")
    return declared if declared in LEVELS else LEVELS[0]


def refusals(event: str, avro: Json, older: Sequence[Version]) -> Iterator[Refusal]:
    """Yield why a schema may not come after the older versions; nothing if it may."""
    level = level_of(avro)
    against = older if level.endswith("_TRANSITIVE") else older[-1:]
    number = len(older) + 1
    for version in against:
        if level.startswith(("BACKWARD", "FULL")):
            for each in broken(avro, version.avro):
                yield Refusal(event, number, version.number, True, level, each)
        if level.startswith(("FORWARD", "FULL")):
            for each in broken(version.avro, avro):
                yield Refusal(event, number, version.number, False, level, each)
