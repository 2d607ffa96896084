"""Rows: the one with the largest log offset wins, whoever wrote what behind it."""

from __future__ import annotations

from pathlib import Path

import pytest

from minuet.core import table as tables
from minuet.core.row import BLANK, pack
from minuet.core.state import State, Status
from minuet.core.table import HOT_IDLE_MS, Table
from minuet.engines.disk_rows import DiskRows
from minuet.event.record import Record
from tests.unit.core.story import (
    TO_CHARGE,
    placed,
)

# -- rows ------------------------------------------------------------------------------


def row_at(offset: int) -> bytes:
    order = placed()
    while len(order.log) <= offset:
        order.again(order.log[0])
    return order.row()


def test_the_row_with_the_largest_offset_wins_wherever_it_stands() -> None:
    for first, second in ((1, 2), (2, 1)):
        table = Table(placed().plan)
        table.load("k", row_at(first))
        table.load("k", row_at(second))
        table.loaded()
        state = table.get("k")
        assert state is not None
        assert state.log_offset == 2
        assert list(table.dirty) == (["k"] if first > second else [])


def test_a_row_that_was_covered_and_written_again_is_not_written_a_third_time() -> None:
    table = Table(placed().plan)
    for offset in (2, 1, 2):
        table.load("k", row_at(offset))
    table.loaded()
    assert not table.dirty


def test_a_tombstone_ends_an_ended_row_and_no_live_one() -> None:
    ended = placed()
    ended.goes_well()
    table = Table(ended.plan)
    table.load("ended", ended.row())
    table.load("ended", row_at(1))  # a zombie's
    table.load("ended", None)
    table.load("live", row_at(1))
    table.load("live", None)  # a zombie's, of the saga before
    table.loaded()
    assert table.get("ended") is None
    assert list(table.dirty) == ["live"]
    assert [key for key, _ in table.pack(list(table.dirty))] == ["live"]


def test_behind_a_blank_row_nothing_counts_that_stood_before() -> None:
    assert pack(placed().plan, State("")) == BLANK
    for then in ((), (row_at(1),), (None,)):
        table = Table(placed().plan)
        for row in (row_at(2), BLANK, *then):
            table.load("k", row)
        table.loaded()
        state = table.get("k")
        assert (state.log_offset if state else -1) == (1 if then == (row_at(1),) else -1)
        assert not table.dirty


def test_bytes_that_are_no_row_are_noted_and_known_no_more() -> None:
    cut, table = row_at(1)[:20], Table(placed().plan)
    for key, rows in {
        "a": (b"",),
        "b": (cut,),
        "c": (row_at(1), b"", row_at(2)),
        "d": (b"", BLANK, row_at(3)),
        "e": (row_at(1), BLANK),
        "f": (BLANK, None),
    }.items():
        for row in rows:
            table.load(key, row)
    table.loaded()
    # The first fields of b can be read; of e nobody wrote what was to follow the blank row.
    assert table.unreadable == {"a", "e"}
    assert sorted(state.saga_id for state in table.live()) == ["c", "d"]
    assert table.unreadable == {"a", "b", "e"}
    assert table.get("b") is None
    assert table.get("e") is None
    assert table.reach() == 4
    for key in "ab":
        table.replace(key, row_at(1))
        state = table.get(key)
        assert state is not None
        assert state.log_offset == 1
    assert list(table.dirty) == ["a", "b"]


def test_a_record_that_the_row_has_folded_changes_nothing() -> None:
    order = placed(*TO_CHARGE)
    row = order.row()
    order.crash()
    for record in order.log:
        order.table.fold(record)
    assert order.row() == row


def test_only_sagas_with_something_left_are_live() -> None:
    order = placed()
    assert [state.status for state in order.table.live()] == [Status.RUNNING]
    order.goes_well()
    order.crash()
    assert list(order.table.live()) == []
    assert len(order.table) == 1


@pytest.mark.parametrize("kept", ["memory", "disk"])
def test_a_look_at_the_live_sagas_misses_none_that_is_stored_meanwhile(
    kept: str, tmp_path: Path
) -> None:
    disk = DiskRows(tmp_path / "0") if kept == "disk" else None
    table = Table(placed().plan, disk)
    keys = [f"k{number}" for number in range(6)]
    for offset, key in enumerate(keys[:3]):
        table.fold(begun(key, offset, offset))
    table.pack(keys[:3])
    for offset, key in enumerate(keys[3:], 3):
        table.fold(begun(key, offset, offset))
    table.fold(begun(keys[0], 6, 6))
    found = []
    for state in table.live():
        found.append(state.saga_id)
        if len(found) == 2:
            table.pack(list(table.dirty))  # a checkpoint, in the midst of it
            table.cool()
    assert sorted(found) == keys
    assert sorted(table.keys()) == keys
    if disk is not None:
        disk.close()


# -- what is kept unpacked -------------------------------------------------------------


def begun(key: str, offset: int, time: int) -> Record:
    [begin] = placed().log
    return Record(key, offset, time, f"begin-{key}", begin.type, "", begin.value, begin.headers)


def hot(table: Table) -> list[str]:
    return list(table._hot)


def test_what_nothing_has_happened_to_for_a_while_is_let_go_oldest_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tables, "HOT_LEAST", 1)
    table = Table(placed().plan)
    for offset, (key, time) in enumerate([("a", 0), ("b", 10), ("c", 20)]):
        table.fold(begun(key, offset, time))
    table.cool()
    assert hot(table) == ["a", "b", "c"]  # their rows are not packed
    table.pack(["a", "b", "c"])
    table.cool()
    assert hot(table) == ["a", "b", "c"]
    table.fold(begun("d", 3, HOT_IDLE_MS + 11))
    table.pack(["d"])
    table.cool()
    assert hot(table) == ["c", "d"]
    state = table.get("a")
    assert state is not None
    assert state.status is Status.RUNNING


def test_beyond_a_number_the_oldest_are_let_go_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "HOT_LEAST", 0)
    monkeypatch.setattr(tables, "HOT_MOST", 1)
    table = Table(placed().plan)
    for offset, key in enumerate("abc"):
        table.fold(begun(key, offset, offset))
    table.pack(["a", "b", "c"])
    table.fold(begun("a", 3, 3))  # dirty again, so it must stay
    table.cool()
    assert hot(table) == ["a"]
