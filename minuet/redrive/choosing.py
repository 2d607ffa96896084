"""Which letters are taken up again, and which are left, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from minuet.contracts.codec import Codec
from minuet.core.plan import Plan
from minuet.errors import UsageError
from minuet.inspection.current import Current, current
from minuet.inspection.letters import Letter, Wanted, each
from minuet.kafka.connection import Connection
from minuet.kafka.partitioner import partition_of
from minuet.operations.reading import Discarded, discarded
from minuet.redrive.judge import Left, Ready, judge

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Desk:
    """What is needed to look at dead letters and to take them up.

    Args:
        now_ms: of the operator's clock, which decides nothing on the log.
    """

    connection: Connection
    plan: Plan
    codec: Codec
    now_ms: int


@dataclass(frozen=True)
class Choice:
    """The letters that are wanted.

    Args:
        letters: those to be taken up, the oldest first; without bytes where none are needed.
        acts: how many of each act, step and category.
        sagas: of how many sagas.
        left: how many are left for each reason; `settled`: of these, the reasons for which
            nothing is to be done any more.
        current: the sagas as they stood.
    """

    letters: Sequence[Letter]
    acts: Counter[tuple[str, str, str]]
    sagas: int
    left: Counter[str]
    settled: frozenset[str]
    current: Current

    @property
    def found(self) -> int:
        """How many letters are wanted."""
        return sum(self.acts.values()) + sum(self.left.values())


def choose(
    desk: Desk,
    wanted: Wanted,
    progress: Progress,
    limit: int = 0,
    visit: Callable[[Ready], None] = lambda _ready: None,
) -> Choice:
    """Look at the letters that are wanted; nothing is written.

    Args:
        desk: what is needed.
        wanted: which.
        progress: told how much is read, and of how much.
        limit: how many are taken up at most; 0 for all.
        visit: told of each that is to be taken up, while its saga is at hand.

    Raises:
        BrokerError: Kafka cannot be reached.
        UsageError: a topic is missing.
    """
    known, judged = look(desk, wanted, progress)
    acts: Counter[tuple[str, str, str]] = Counter()
    left: Counter[str] = Counter()
    settled: set[str] = set()
    ready: list[Letter] = []
    for found in judged:
        letter = found.letter
        if isinstance(found, Left):
            left[found.why] += 1
            settled.update([found.why] if found.settled else [])
        elif limit and len(ready) >= limit:
            left["beyond --limit"] += 1
        else:
            acts[found.act, letter.step or letter.type, letter.category] += 1
            ready.append(letter)
            visit(found)
    sagas = len({letter.saga for letter in ready})
    return Choice(ready, acts, sagas, left, frozenset(settled), known)


def look(desk: Desk, wanted: Wanted, progress: Progress) -> tuple[Current, Iterator[Ready | Left]]:
    """Judge the letters that are wanted, the oldest first; each is judged when it is taken."""
    gone = discards(desk)
    every = [_slim(e) for e in each(desk.connection, desk.plan.spec, wanted, progress)]
    every.sort(key=lambda letter: letter.at_ms)
    known = current(desk.connection, desk.plan, {letter.saga for letter in every}, progress)
    return known, (one(desk, known, letter, gone) for letter in every)


def discards(desk: Desk) -> dict[str, Discarded]:
    """The letters that were discarded; none where there is no topic of operations yet."""
    try:
        return discarded(desk.connection, desk.plan.spec)
    except UsageError:
        return {}


def one(desk: Desk, known: Current, letter: Letter, gone: dict[str, Discarded]) -> Ready | Left:
    """Judge one letter."""
    if said := gone.get(letter.id):
        return Left(letter, f"{said.by} has discarded it", True)
    row = known.rows.get(letter.saga)
    partition = row.partition if row else partition_of(letter.key, len(known.after))
    return judge(desk.plan, desk.codec, letter, known.state(letter.saga), partition, desk.now_ms)


def _slim(letter: Letter) -> Letter:
    """Without bytes, where the saga has what its step works on: there may be very many."""
    return replace(letter, value=b"", headers=()) if letter.slot else letter
