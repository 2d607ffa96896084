"""Which records are meant: of these sagas, of these types, fulfilling a condition."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from minuet.errors import ContractError
from minuet.event.model import Event
from minuet.event.record import SCHEMA, TYPE
from minuet.kafka.kept import Kept
from minuet.where import Wheres

# The event of a record: its type, the header that names its schema, its value.
Decode = Callable[[str, bytes, bytes], Event]


@dataclass
class Selection:
    """What was asked for; nothing asked for is everything.

    Args:
        sagas: ids.
        types: names of events.
        where: a condition; `decode` reads the events that it is asked of.

    Attributes:
        untold: records of which the condition could not be asked: they cannot be read, or it
            cannot be told for them. None of them is taken.
    """

    sagas: frozenset[bytes] = frozenset()
    types: frozenset[bytes] = frozenset()
    where: Wheres | None = None
    decode: Decode | None = None
    untold: int = 0

    @property
    def everything(self) -> bool:
        """Whether nothing is left out."""
        return not (self.sagas or self.types or self.where)

    def takes(self, record: Kept) -> bool:
        """Whether a record is meant."""
        if self.sagas and record.key not in self.sagas:
            return False
        if not self.types and self.where is None:
            return True
        name = record.header(TYPE)
        if self.types and name not in self.types:
            return False
        return self.where is None or self._holds(self.where, name, record)

    def _holds(self, where: Wheres, name: bytes, record: Kept) -> bool:
        event_type = name.decode(errors="replace")
        if event_type not in where.types or self.decode is None:
            return False
        try:
            event = self.decode(event_type, record.header(SCHEMA), record.value or b"")
            return where.holds(event_type, event)
        except ContractError:
            self.untold += 1
            return False
