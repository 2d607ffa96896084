"""What a log will say once a replay has come to it: folded before anything is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from minuet.core.due import deadlines, pending
from minuet.core.plan import Plan
from minuet.core.state import State
from minuet.core.table import Table
from minuet.event.record import CAUSES, REJECTS, Record, UnreadableHeaders, parse
from minuet.kafka.kept import Kept

_PACK_EVERY = 5_000  # ended sagas


@dataclass
class Due:
    """What is due in the sagas that the replay touches.

    Attributes:
        effects: step with resources -> how many of its runs; `pure`: of the other steps.
        waiting: runs that wait for a time or a person.
        deadlines: how many begin to run anew.
    """

    effects: Counter[str] = field(default_factory=Counter)
    pure: Counter[str] = field(default_factory=Counter)
    waiting: int = 0
    deadlines: int = 0

    def as_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "effects": sum(self.effects.values()),
            "effects_by_step": dict(sorted(self.effects.items())),
            "pure_runs": sum(self.pure.values()),
            "waiting": self.waiting,
            "deadlines": self.deadlines,
        }


class Foresight:
    """Folds what stands on a log, then what would be appended to it.

    Args:
        plan: the compiled workflow.
        now_ms: the time that appended records would have, ms since 1970.
        ends: partition -> the offset that its next record gets.
    """

    def __init__(self, plan: Plan, now_ms: int, ends: Mapping[int, int]) -> None:
        self._plan, self._now_ms = plan, now_ms
        self._next = dict(ends)
        self._tables: dict[int, Table] = {}
        self._awake: dict[int, dict[str, None]] = {}  # touched, and not at rest
        self._resting: dict[int, dict[str, None]] = {}

    def stands(self, record: Kept, *, touched: bool = False) -> None:
        """Take a record that stands on the log; `touched`: what is due in its saga is counted."""
        found = _parsed(record, record.offset, record.time)
        self._fold(record.partition, found, touched=touched)

    def comes(self, record: Kept) -> None:
        """Take a record that would be appended."""
        at = self._next.get(record.partition, 0)
        self._next[record.partition] = at + 1
        found = _parsed(record, at, self._now_ms)
        if REJECTS in found.headers:
            found = self._about(record, found)
        self._fold(record.partition, found, touched=True)

    def due(self) -> Due:
        """What is due in the sagas to which something would be appended."""
        found = Due()
        for partition, keys in self._awake.items():
            for key in keys:
                state = self._tables[partition].get(key)
                if state is not None:
                    self._count(found, state)
        return found

    def _count(self, found: Due, state: State) -> None:
        for slot in pending(self._plan, state):
            tries = state.tries.get(slot.id)
            if tries is not None and (tries.parked or tries.not_before > self._now_ms):
                found.waiting += 1
            elif slot.step.spec.resources:
                found.effects[slot.step.name] += 1
            else:
                found.pure[slot.step.name] += 1
        found.deadlines += sum(1 for _ in deadlines(self._plan, state))

    def _about(self, record: Kept, found: Record) -> Record:
        """The same, saying where the record that cannot be read would stand."""
        state = self._tables.setdefault(record.partition, Table(self._plan)).get(found.key)
        entries = state.entries() if state is not None else ()
        for entry in entries:
            if entry.id in found.causes:
                headers = {**found.headers, REJECTS: str(entry.offset).encode()}
                return Record(
                    found.key, found.offset, found.time, found.id, found.type, found.slot,
                    found.value, headers,
                )  # fmt: skip
        return found

    def _fold(self, partition: int, record: Record, *, touched: bool) -> None:
        table = self._tables.get(partition)
        if table is None:
            table = self._tables[partition] = Table(self._plan)
        state = table.fold(record)
        awake = self._awake.setdefault(partition, {})
        if touched:
            awake[record.key] = None
        if state.status.ended and not state.seen:
            awake.pop(record.key, None)
            resting = self._resting.setdefault(partition, {})
            resting[record.key] = None
            if len(resting) >= _PACK_EVERY:
                table.pack(resting)
                table.cool()
                resting.clear()


def is_readable(record: Kept) -> bool:
    """Whether it has a key and headers: else it can change no saga, and no log needs it."""
    try:
        _parsed(record, record.offset, record.time)
    except UnreadableHeaders:
        return False
    return True


def rejected_id(record: Kept) -> bytes:
    """The id of the record that this one says cannot be read; empty for any other."""
    return record.header(CAUSES) if record.header(REJECTS) else b""


def _parsed(record: Kept, offset: int, time: int) -> Record:
    return parse(record.key, record.value, record.headers, offset, time)
