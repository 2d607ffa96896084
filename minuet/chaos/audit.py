"""Holds topics and ledger of a run against what was promised; shares nothing with the core.

It reads the log by the second interpreter of the rules (`minuet.simulation.history`) and the ledger
as a file. That each row of the table is the fold of the log is another question: `verify` asks it.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import cast

from minuet.chaos.poison import Poisoned, judge_poison, letters
from minuet.engines.course import Stored
from minuet.event.record import Headers
from minuet.kafka.connection import Connection
from minuet.kafka.offsets import watermarks
from minuet.kafka.reading import snapshot
from minuet.simulation.history import NEVER, Told, told
from minuet.simulation.judge import judge_sagas, needs_a_person, slots_of
from minuet.simulation.outside import Effect
from minuet.spec.model import Spec

SHOWN_MOST = 100


@dataclass
class Audit:
    """What was found.

    Attributes:
        acked: begin events that were acknowledged; `lost`: of these, not on the log.
        sagas: on the log; `ended` by which end event, and `parked`: waiting for a person.
        effects: in the ledger, each key once; `again`: calls beyond the first of each.
        poisoned: records that nobody could read, which were put on the log.
        violations: of a promise, in words; `violated`: how many there are.
    """

    acked: int = 0
    lost: int = 0
    sagas: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    parked: int = 0
    effects: int = 0
    again: int = 0
    poisoned: int = 0
    violated: int = 0
    violations: list[str] = field(default_factory=list)

    def violates(self, text: str) -> None:
        """Note that a promise was broken."""
        self.violated += 1
        if len(self.violations) < SHOWN_MOST:
            self.violations.append(text)


@dataclass
class Lives:
    """When sagas began and ended, and steps answered, ms since 1970."""

    sagas: list[tuple[int, int]] = field(default_factory=list)
    answers: dict[int, list[int]] = field(default_factory=dict)

    def in_flight(self, at_ms: int) -> int:
        """How many sagas had begun and not ended."""
        return sum(began < at_ms <= ended for began, ended in self.sagas)

    @property
    def last_end_ms(self) -> int:
        """When the last saga ended, of those that did."""
        return max((ended for _, ended in self.sagas if ended < NEVER), default=0)

    def silence_ms(self, at_ms: int, patience_ms: int) -> int:
        """The longest that a partition had no answer within `patience_ms` after a moment.

        What comes after the last saga has begun is no silence: there is less and less to do.
        """
        until = min(at_ms + patience_ms, max((began for began, _ in self.sagas), default=at_ms))
        longest = 0
        for times in self.answers.values():
            within = (time for time in times if at_ms < time < until)
            for before, after in pairwise([at_ms, *within, max(at_ms, until)]):
                longest = max(longest, after - before)
        return longest


def audit(
    connection: Connection,
    spec: Spec,
    acked: Collection[str],
    ledger: Path | None,
    poison: Sequence[Poisoned] = (),
) -> tuple[Audit, Lives]:
    """Read everything and say what does not hold.

    Args:
        connection: where Kafka is.
        spec: of the workflow.
        acked: ids of begin events that were acknowledged.
        ledger: of the services, in SQLite; None where there is none.
        poison: what was put on the log that nobody can read.

    Raises:
        BrokerError: Kafka cannot be reached.
    """
    found, lives = Audit(acked=len(acked)), Lives()
    done = _effects(ledger, spec.name, found) if ledger else {}
    begun: set[str] = set()
    rejected: Counter[str] = Counter()
    for number, (low, _) in watermarks(connection, spec.log_topic).items():
        log = list(_log(connection, spec, number, low))
        sagas = told(spec, log)
        begun |= sagas.keys()
        answered = {said.id: said.time for one in sagas.values() for said in one.answers.values()}
        lives.answers[number] = sorted(answered.values())
        for key, saga in sagas.items():
            lives.sagas.append((saga.records[0].time, saga.ended_at))
            rejected[key] = sum(said.type == "RecordRejected" for said in saga.records)
            judge(spec, saga, done.pop(key, []) if ledger else None, found)
    if not acked:
        found.violates("lost: nothing was acknowledged, so that nothing was tried")
    for key in sorted(set(acked) - begun):
        found.lost += 1
        found.violates(f"lost: {key} was acknowledged, and is not on the log")
    for key in sorted(done):
        found.violates(f"effect: {key}: the ledger has effects, and the log does not know it")
    if poison:
        found.poisoned = len(poison)
        for text in judge_poison(spec, poison, letters(connection, spec), rejected):
            found.violates(f"poison: {text}")
    return found, lives


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the ledger."""

    key: str
    effect: str
    reference: str
    undoes: str


def judge(spec: Spec, saga: Told, rows: Sequence[Row] | None, found: Audit) -> None:
    """Hold one saga, and the ledger's rows about it, against the promises; None for no ledger."""
    found.sagas += 1
    found.ended[saga.ends[0].type if saga.ends else "none"] += 1
    found.parked += not saga.ends and needs_a_person(spec, saga)
    effects = [Effect(0, row.effect, row.key) for row in rows or ()]
    for violation in judge_sagas(spec, {saga.key: saga}, effects):
        found.violates(str(violation))
    if rows is not None:
        texts = [*_not_done(spec, saga, rows), *_groundless(spec, saga, rows)]
        texts += [*_undone(saga, rows), *(_left(saga, rows) if saga.ends else ())]
        for text in texts:
            found.violates(f"effect: {saga.key}: {text}")


def _not_done(spec: Spec, saga: Told, rows: Sequence[Row]) -> Iterator[str]:
    """What the log says was done, and the ledger does not know."""
    have_effects = {undo.outcome for undo in spec.undo} | {undo.undone for undo in spec.undo}
    have_effects |= {spec.pivot} - {""}
    keys = {row.key for row in rows}
    for slot, said in saga.answers.items():
        if said.type in have_effects and slot not in keys:
            yield f"the log says {said.type}, and the ledger has no effect under {slot}"


def _groundless(spec: Spec, saga: Told, rows: Sequence[Row]) -> Iterator[str]:
    """What was done under a key that no events on the log give to any step."""
    slots = {slot for slot, _ in slots_of(spec, saga)}
    for row in rows:
        if row.key not in slots:
            yield f"{row.effect} was done under {row.key}, and nothing on the log asks for it"


def _undone(saga: Told, rows: Sequence[Row]) -> Iterator[str]:
    """What was undone otherwise than the log says."""
    by_key = {row.key: row for row in rows}
    outcomes = {outcome.id: outcome.slot for outcome in saga.outcomes}
    for undoes, undone in saga.undone.items():
        by, done = by_key.get(undone.slot), by_key.get(outcomes.get(undoes, ""))
        if by is not None and done is not None and by.undoes != done.reference:
            yield f"{by.effect} was to undo {done.reference}, and undid {by.undoes or 'nothing'}"
    undone_by_log = {outcomes.get(undoes, "") for undoes in (*saga.requests, *saga.undone)}
    taken_back = {row.undoes for row in rows}
    for slot, row in by_key.items():
        if row.reference in taken_back and slot in saga.answers and slot not in undone_by_log:
            yield f"{row.effect} was undone, and nobody asked for it"


def _left(saga: Told, rows: Sequence[Row]) -> Iterator[str]:
    """What is wrong with what is left of a saga's effects when it has ended."""
    undone = Counter(row.undoes for row in rows if row.undoes)
    done = {row.reference: row.effect for row in rows if not row.undoes}
    for reference, times in undone.items():
        if reference not in done:
            yield f"{reference} was undone, and never done"
        elif times > 1:
            yield f"{done[reference]} was undone {times} times"
    left = Counter(effect for reference, effect in done.items() if reference not in undone)
    completed = saga.ends[0].type == "SagaCompleted"
    for effect, times in left.items():
        if not completed:
            yield f"it failed, and {effect} is not undone"
        elif times > 1:
            yield f"it completed, and {effect} is effective {times} times"


def _effects(ledger: Path, workflow: str, found: Audit) -> dict[str, list[Row]]:
    """The rows of a ledger, by saga."""
    by_saga: dict[str, list[Row]] = {}
    query = (
        "SELECT saga, key, effect, reference, undoes, calls FROM answers "
        "WHERE workflow = ? AND refused = ''"
    )
    with closing(sqlite3.connect(ledger)) as database:
        for saga, key, effect, reference, undoes, calls in database.execute(query, (workflow,)):
            found.effects += 1
            found.again += calls - 1
            by_saga.setdefault(saga, []).append(Row(key, effect, reference, undoes))
    return by_saga


def _log(connection: Connection, spec: Spec, number: int, low: int) -> Iterator[Stored]:
    for message in snapshot(connection, spec.log_topic, {number: low}):
        headers = cast("Headers", message.headers() or [])
        if not message.key() or not headers:
            continue  # bytes that belong to no saga
        _, time = message.timestamp()
        key = cast("bytes", message.key())
        yield Stored(number, message.offset() or 0, time, key, None, headers)
