"""What became of sagas: folded from a log, whole or while it grows, and compared with another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from typing import Any

from minuet.core.decide import decide
from minuet.core.due import pending
from minuet.core.plan import Plan
from minuet.core.state import State
from minuet.core.table import Table
from minuet.event.platform import PLATFORM_EVENTS
from minuet.event.record import Record, UnreadableHeaders, parse
from minuet.kafka.kept import Kept
from minuet.replay.shadow import UNKNOWN

_NEVER = 0  # no deadline is past it


@dataclass
class Fate:
    """What became of a saga.

    Attributes:
        status: as its row says it.
        types: of the workflow's own events that it has.
        waits: why it waits for a person; empty if it does not.
        rests: nothing is due, but for a person, a time or a deadline.
    """

    status: str = ""
    types: set[str] = field(default_factory=set)
    waits: str = ""
    rests: bool = False


class Fates:
    """Folds the records of a log.

    Args:
        plan: the compiled workflow.
    """

    def __init__(self, plan: Plan) -> None:
        self.of: dict[str, Fate] = {}
        self._plan = plan
        self._tables: dict[int, Table] = {}

    def take(self, record: Kept) -> str:
        """Take a record; return its saga, empty for one that changes none."""
        try:
            found = parse(record.key, record.value, record.headers, record.offset, record.time)
        except UnreadableHeaders:
            return ""
        table = self._tables.setdefault(record.partition, Table(self._plan))
        self._note(found, table.fold(found))
        return found.key

    def _note(self, record: Record, state: State) -> None:
        fate = self.of.setdefault(record.key, Fate())
        fate.status = state.status.value
        if record.type not in PLATFORM_EVENTS:
            fate.types.add(record.type)
        fate.waits = next((each.reason for each in state.incidents.values()), "")
        busy = [
            slot for slot in pending(self._plan, state)
            if (tries := state.tries.get(slot.id)) is None or not tries.parked
        ]  # fmt: skip
        fate.rests = not busy and not decide(self._plan, state, _NEVER)


@dataclass(frozen=True)
class Compared:
    """A saga that came to another end in a shadow, or of which that is unknown."""

    saga: str
    here: str
    shadow: str
    more: tuple[str, ...]
    less: tuple[str, ...]
    why: str


def compare(
    here: Fates, shadow: Fates, restless: Collection[str] = (), why: str = ""
) -> tuple[Counter[str], list[Compared]]:
    """Return how many sagas ended the same, differently, or are unknown; and the latter two.

    Args:
        here: what became of them.
        shadow: what became of them there.
        restless: sagas of which more would have come there: unknown, `why` says wherefore.
        why: see `restless`.
    """
    counts: Counter[str] = Counter(same=0, different=0, unknown=0)
    found = []
    for saga in dict.fromkeys((*shadow.of, *restless)):
        before, there = here.of.get(saga, Fate()), shadow.of.get(saga, Fate())
        cut = saga in restless
        unknown = cut or UNKNOWN in there.waits
        if not unknown and (there.status, there.types) == (before.status, before.types):
            counts["same"] += 1
            continue
        counts["unknown" if unknown else "different"] += 1
        more, less = sorted(there.types - before.types), sorted(before.types - there.types)
        one = Compared(
            saga, before.status, there.status, (*more,), (*less,), why if cut else there.waits
        )
        found.append(one)
    return counts, found


def plain(compared: list[Compared]) -> list[dict[str, Any]]:
    """As plain data."""
    return [asdict(each) for each in compared]
