"""Guarantees taken out of the loop, the core and the model's edge, one by one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from minuet.core import decide, due, fold, outcomes
from minuet.core.due import Doubt, Slot
from minuet.core.plan import Plan
from minuet.core.row import peek, unpack
from minuet.core.state import Place, State
from minuet.core.table import Table
from minuet.engines import saying
from minuet.engines.acting import Acting
from minuet.engines.assignments import Assignments
from minuet.engines.checkpoint import Checkpoints, _Acks
from minuet.engines.log import Append, Position
from minuet.engines.loop import Loop
from minuet.engines.memory import MemoryLog
from minuet.engines.partition import Partition, Run
from minuet.engines.row_store import RowStore
from minuet.event.model import Event
from minuet.event.record import Record

Patch = pytest.MonkeyPatch


# -- the loop and the log's edge -------------------------------------------------------------------


def commits_before_rows_are_acked(patch: Patch) -> None:
    async def at_once(self: _Acks, part: Partition) -> list[int]:
        return self._offsets

    patch.setattr(_Acks, "all", at_once)


def commits_one_too_far(patch: Patch) -> None:
    commit = MemoryLog.commit

    def further(self: MemoryLog, offsets: Mapping[int, int]) -> None:
        commit(self, {number: offset + 1 for number, offset in offsets.items()})

    patch.setattr(MemoryLog, "commit", further)


def restores_all_but_the_last_rows(patch: Patch) -> None:
    rows = MemoryLog.rows

    async def fewer(
        self: MemoryLog, partition: int, start: int = 0, end: int | None = None
    ) -> AsyncIterator[Sequence[tuple[bytes, bytes | None, int]]]:
        async for chunk in rows(self, partition, start, end):
            yield chunk[:-1] if end is None else chunk

    patch.setattr(MemoryLog, "rows", fewer)


def asks_no_restored_row_what_is_due(patch: Patch) -> None:
    async def nothing(self: Assignments, part: Partition) -> None:
        return None

    patch.setattr(Assignments, "_begin", nothing)


def begins_at_the_end_without_a_commit(patch: Patch) -> None:
    assigned = Loop.assigned

    def latest(self: Loop, positions: Mapping[int, Position]) -> None:
        moved = {
            number: at if at.start else Position(at.high, at.high)
            for number, at in positions.items()
        }
        for number, at in moved.items():
            self._log._fetches[number].position = at.start  # type: ignore[attr-defined]
        assigned(self, moved)

    patch.setattr(Loop, "assigned", latest)


def forgets_an_append_without_an_answer(patch: Patch) -> None:
    def drop(self: Loop, append: Append, reason: str, *, final: bool = False) -> None:
        return None

    patch.setattr(Loop, "failed", drop)


def takes_no_answer_for_an_ack(patch: Patch) -> None:
    def acked(self: Loop, append: Append, reason: str, *, final: bool = False) -> None:
        if append.acked is not None:
            append.acked(append, 0)

    patch.setattr(Loop, "failed", acked)


def keeps_partitions_that_were_taken(patch: Patch) -> None:
    def keep(self: Assignments, partitions: Iterable[int]) -> None:
        return None

    patch.setattr(Assignments, "end", keep)


def drops_the_rows_of_a_failed_checkpoint(patch: Patch) -> None:
    async def none(
        self: Checkpoints, part: Partition, keys: list[str], _position: int | None
    ) -> list[int]:
        for _ in part.table.pack(keys[1:]):
            pass
        return []

    patch.setattr(Checkpoints, "_rows", none)


def says_all_in_doubt_was_never_started(patch: Patch) -> None:
    def skip(slot: Slot, *, owned_since: int, started: bool) -> Doubt:
        return Doubt.SKIP

    patch.setattr(saying, "doubt", skip)


def acts_before_it_has_caught_up(patch: Patch) -> None:
    of = Partition.of.__func__  # type: ignore[attr-defined]

    def ready(
        cls: type[Partition], plan: Plan, number: int, at: Position, store: RowStore
    ) -> Partition:
        part: Partition = of(cls, plan, number, at, store)
        part.restored = True
        return part

    patch.setattr(Partition, "of", classmethod(ready))


def drops_what_is_answered_late(patch: Patch) -> None:
    def drop(self: Acting, run: Run, event: Event) -> None:
        return None

    patch.setattr(Acting, "came_late", drop)


def skips_without_asking_who_owns(patch: Patch) -> None:
    async def of_course(self: Loop) -> bool:
        return True

    patch.setattr(Loop, "is_member", of_course)


def looks_for_no_rows_of_others(patch: Patch) -> None:
    async def none(self: Checkpoints, part: Partition) -> None:
        return None

    async def no_gap(self: Checkpoints, part: Partition, offsets: list[int]) -> bool:
        part.next_row = max(offsets, default=part.next_row - 1) + 1
        return False

    patch.setattr(Checkpoints, "_look", none)
    patch.setattr(Checkpoints, "_foreign", no_gap)


def misses_rows_stored_while_a_restore_looks(patch: Patch) -> None:
    def live(self: Table) -> Iterator[State]:
        for key, _ in self._rows.live():
            state = self._hot.get(key)
            if state is None:
                row = self._rows.get(key)
                if row is None or peek(row)[3]:
                    continue
                state = unpack(self.plan, key, row)
            yield state
        for key in list(self.dirty):
            row = self._rows.get(key)
            if (row is None or peek(row)[3]) and (hot := self._hot.get(key)) is not None:
                yield hot

    patch.setattr(Table, "live", live)


# -- the core --------------------------------------------------------------------------------------


def folds_what_it_knows_again(patch: Patch) -> None:
    patch.setattr(fold, "_is_known", lambda plan, state, record: False)


def undoes_from_the_first_on(patch: Patch) -> None:
    def forwards(plan: Plan, state: State) -> Any:
        happened = [
            e for e in state.events.values()
            if e.type in plan.undo_of and e.id not in state.undone
        ]  # fmt: skip
        happened.sort(key=lambda entry: entry.offset)
        wanted = [e for e in happened if e.id not in state.requests]
        wanted = wanted[:1] if len(wanted) == len(happened) else []
        return iter([decide._request(plan, state, entry) for entry in wanted])

    patch.setattr(decide, "_undos", forwards)


def leaves_what_came_late(patch: Patch) -> None:
    undos = decide._undos

    def early(plan: Plan, state: State) -> Any:
        late = {e.id for e in state.events.values() if e.place is Place.LATE}
        return (say for say in undos(plan, state) if say.undoes not in late)

    patch.setattr(decide, "_undos", early)
    patch.setattr(decide, "at_rest", lambda plan, state: True)


def ends_with_slots_in_doubt(patch: Patch) -> None:
    patch.setattr(decide, "at_rest", lambda plan, state: not due.open_undo(plan, state))


def fails_no_saga_that_has_gone_far(patch: Patch) -> None:
    real = outcomes.fail

    def fail(plan: Plan, state: State, record: Record) -> None:
        if len(state.events) < 4:
            real(plan, state, record)

    patch.setattr(outcomes, "fail", fail)


def takes_the_second_answer_too(patch: Patch) -> None:
    def second(state: State, record: Record) -> bool:
        return record.type in state.events or not state.ids.keys() >= set(record.causes)

    patch.setattr(outcomes, "came_second", second)


def expires_before_the_time(patch: Patch) -> None:
    real = decide._expired
    patch.setattr(decide, "_expired", lambda plan, state, now: real(plan, state, now + 1_000))


def expires_what_was_in_time(patch: Patch) -> None:
    patch.setattr(outcomes, "_comes_too_late", lambda plan, state, record: False)


def undoes_no_strays(patch: Patch) -> None:
    patch.setattr(decide, "_stray_undos", lambda plan, state: iter(()))
    patch.setattr(due, "open_undo", _without_strays(due.open_undo))


def _without_strays(real: Any) -> Any:
    def open_undo(plan: Plan, state: State) -> bool:
        kept, state.strays = state.strays, {}
        try:
            return bool(real(plan, state))
        finally:
            state.strays = kept

    return open_undo


MUTANTS = (
    commits_before_rows_are_acked,
    commits_one_too_far,
    restores_all_but_the_last_rows,
    asks_no_restored_row_what_is_due,
    begins_at_the_end_without_a_commit,
    forgets_an_append_without_an_answer,
    takes_no_answer_for_an_ack,
    keeps_partitions_that_were_taken,
    drops_the_rows_of_a_failed_checkpoint,
    says_all_in_doubt_was_never_started,
    acts_before_it_has_caught_up,
    drops_what_is_answered_late,
    skips_without_asking_who_owns,
    looks_for_no_rows_of_others,
    misses_rows_stored_while_a_restore_looks,
    folds_what_it_knows_again,
    undoes_from_the_first_on,
    leaves_what_came_late,
    ends_with_slots_in_doubt,
    fails_no_saga_that_has_gone_far,
    takes_the_second_answer_too,
    undoes_no_strays,
    expires_before_the_time,
    expires_what_was_in_time,
)
