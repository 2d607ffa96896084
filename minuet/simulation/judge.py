"""What must hold after a run, whatever went wrong in it; the names are those of the invariants.

Everything but the comparison of rows with the fold is judged from the topics and the effects alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from minuet.core.plan import compile_plan
from minuet.core.row import pack, peek
from minuet.core.state import State, Status
from minuet.engines.course import Stored
from minuet.engines.simulation import Outcome
from minuet.event.ids import slot_id
from minuet.simulation.history import Told
from minuet.simulation.outside import Effect
from minuet.spec.model import Spec


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must not be.

    `rule` is one of `broken`, `ends`, `outcome`, `undo`, `order`, `effect`,
    `deadline`, `answer`, `row`, `table` and `commit`; `saga` is empty when it is about no saga.
    """

    rule: str
    saga: str
    what: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.saga + ': ' if self.saga else ''}{self.what}"


def judge(
    spec: Spec, outcome: Outcome, sagas: Mapping[str, Told], effects: Sequence[Effect]
) -> Iterator[Violation]:
    """Yield what must not be."""
    yield from judge_sagas(spec, sagas, effects)
    yield from _rows(spec, outcome)
    yield from _commits(outcome)


def judge_sagas(
    spec: Spec, sagas: Mapping[str, Told], effects: Sequence[Effect]
) -> Iterator[Violation]:
    """Yield what must not be of sagas, as their log and the effects tell it."""
    by_slot: dict[str, list[Effect]] = {}
    for effect in effects:
        by_slot.setdefault(effect.key, []).append(effect)
    for saga in sagas.values():
        yield from _ends(spec, saga)
        yield from _undos(spec, saga)
        yield from _order(spec, saga)
        yield from _deadlines(spec, saga)
        yield from _effects(spec, saga, by_slot)


def needs_a_person(spec: Spec, saga: Told) -> bool:
    """Whether the log says that somebody has to decide."""
    beyond = _beyond(spec)
    lost = saga.failed is not None and any(o.type in beyond for o in saga.outcomes)
    came_second = any(stray.type in beyond for stray in saga.strays)
    rejected = any(record.type == "RecordRejected" for record in saga.records)
    return bool(saga.parked or saga.after_pivot or lost or came_second or rejected)


def _beyond(spec: Spec) -> set[str]:
    """The pivot, and what can only follow it: none of that is ever undone."""
    found = {spec.pivot, spec.completes}
    before: set[str] = set()
    while before != found:
        before = set(found)
        for step in spec.steps:
            if spec.pivot and any(set(types) <= found for types in step.needs):
                found.update(step.says)
    return found - set(spec.fails)


def _ends(spec: Spec, saga: Told) -> Iterator[Violation]:
    names = [end.type for end in saga.ends]
    if len(names) > 1:
        yield Violation("ends", saga.key, f"it ended more than once: {', '.join(names)}")
    if not names:
        if not needs_a_person(spec, saga):
            yield Violation("ends", saga.key, "it has not ended, and waits for no person")
        return
    wanted = "SagaCompleted" if saga.completed else "SagaCompensated"
    if names[0] != wanted:
        yield Violation("outcome", saga.key, f"{names[0]}, where the log says {wanted}")
    if saga.parked:
        who = ", ".join(saga.parked)
        yield Violation("ends", saga.key, f"it ended while slots wait for a person: {who}")


def _undos(spec: Spec, saga: Told) -> Iterator[Violation]:
    """Undone: in a failed saga every outcome that has an undo, and strays always; nothing else."""
    if not saga.ends:
        return
    undo_of = {undo.outcome: undo for undo in spec.undo}
    strays = {stray.id for stray in saga.strays}
    for outcome in saga.outcomes:
        if outcome.type not in undo_of:
            continue
        wanted = saga.failed is not None or outcome.id in strays
        there = outcome.id in saga.undone
        if wanted and not there:
            what = "came second" if outcome.id in strays else "stands in a failed saga"
            yield Violation("undo", saga.key, f"{outcome.type} {what} and was not undone")
        elif there and not wanted:
            yield Violation("undo", saga.key, f"{outcome.type} was undone in a completed saga")
    for undoes, undone in saga.undone.items():
        if undoes not in saga.requests:
            yield Violation("undo", saga.key, f"{undone.type} undoes what nobody asked to undo")


def _order(spec: Spec, saga: Told) -> Iterator[Violation]:
    """What had happened before the failure is undone in reverse order."""
    failed = saga.failed
    if failed is None or spec.parallel_undo:
        return
    undo_of = {undo.outcome for undo in spec.undo}
    before = [
        o for o in saga.effective.values()
        if o.type in undo_of and o.offset < failed.offset and o.id in saga.requests
    ]  # fmt: skip
    before.sort(key=lambda one: one.offset, reverse=True)
    asked = [saga.requests[outcome.id].offset for outcome in before]
    if asked != sorted(asked):
        names = ", ".join(outcome.type for outcome in before)
        yield Violation("order", saga.key, f"not asked in reverse order: {names}")


def _deadlines(spec: Spec, saga: Told) -> Iterator[Violation]:
    """No deadline is said before its time."""
    first = {record.type: record for record in reversed(saga.records)}
    for deadline in spec.deadlines:
        said, after = first.get(deadline.type), first.get(deadline.after)
        if said and (after is None or said.time < after.time + deadline.within_ms):
            yield Violation("deadline", saga.key, f"{said.type} was said before its time")


def _effects(spec: Spec, saga: Told, by_slot: Mapping[str, list[Effect]]) -> Iterator[Violation]:
    """What was done for a slot has an answer on the log, by the time the saga has ended."""
    if not saga.ends:
        return
    for slot, step in slots_of(spec, saga):
        effects = by_slot.get(slot)
        if not effects or slot in saga.undone:
            continue
        answer = saga.answers.get(slot)
        names = ", ".join(sorted({effect.name for effect in effects}))
        if answer is None:
            yield Violation("effect", saga.key, f"{step} did {names}, and nothing answers it")
        elif answer.type == "StepSkipped":
            what = f"{step} was skipped as never started, and did {names}"
            yield Violation("effect", saga.key, what)


def slots_of(spec: Spec, saga: Told) -> Iterator[tuple[str, str]]:
    """Yield the slots that steps can have had, each with its step."""
    by_type: dict[str, list[str]] = {}
    for record in saga.records:
        by_type.setdefault(record.type, []).append(record.id)
    for step in spec.steps:
        choices = [[i for name in types for i in by_type.get(name, ())] for types in step.needs]
        for causes in product(*choices):
            yield slot_id("", causes, step.name), step.name


def _rows(spec: Spec, outcome: Outcome) -> Iterator[Violation]:
    """The row of each key that a restore would take is the fold of the log.

    That is the one folded furthest: a worker that lost its partitions may have written after it.
    """
    plan = compile_plan(spec)
    best: dict[str, tuple[int, bytes]] = {}
    for stored in outcome.standing:
        if stored.value is not None:
            key, offset = stored.key.decode(), peek(stored.value)[0]
            if offset >= best.get(key, (-1, b""))[0]:
                best[key] = (offset, stored.value)
    folded = {key: pack(plan, state) for key, state in outcome.sagas.items()}
    now = max((record.time for record in outcome.log), default=0)
    for key, row in folded.items():
        there = best.pop(key, (-1, b""))[1]
        if there != row and (there or not _may_be_gone(spec, outcome.sagas[key], now)):
            yield Violation("row", key, "the row that counts is not the fold of the log")
    for worker, table in outcome.tables.items():
        for key, row in table.items():
            if folded.get(key) != row:
                yield Violation("table", key, f"what {worker} has is not the fold of the log")
    for key in best:
        yield Violation("row", key, "a row of a saga that the log does not know")


def _may_be_gone(spec: Spec, state: State, now_ms: int) -> bool:
    """Whether a saga has been kept so long that it may have been forgotten."""
    kept_ms = spec.duplicate_horizon_ms if state.status.ended else spec.early_ms
    rests = not state.seen if state.status.ended else state.status is Status.EARLY
    return rests and now_ms - state.at > kept_ms


def _commits(outcome: Outcome) -> Iterator[Violation]:
    """No position was committed past a record whose saga's stored row does not hold it."""
    rows: dict[int, list[Stored]] = {}
    log: dict[int, list[Stored]] = {}
    for one in outcome.rows:
        rows.setdefault(one.partition, []).append(one)
    for one in outcome.log:
        log.setdefault(one.partition, []).append(one)
    stored: dict[bytes, int] = {}
    latest: dict[bytes, int] = {}
    at: Counter[tuple[str, int]] = Counter()
    for commit in outcome.commits:
        number = commit.partition
        for row in rows.get(number, [])[at["rows", number] : commit.rows]:
            if row.value is not None:
                stored[row.key] = max(stored.get(row.key, -1), peek(row.value)[0])
        changed = log.get(number, [])[at["log", number] : commit.position]
        latest.update({record.key: record.offset for record in changed})
        at["rows", number] = max(at["rows", number], commit.rows)
        at["log", number] = max(at["log", number], commit.position)
        for key in {record.key for record in changed}:
            if stored.get(key, -1) < latest[key]:
                what = f"position {commit.position} was committed; its row stands before that"
                yield Violation("commit", key.decode(errors="replace"), what)
