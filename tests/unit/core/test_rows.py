"""Rows: the one with the largest log offset wins, whoever wrote what behind it."""

from __future__ import annotations

from minuet.core.state import Status
from minuet.core.table import Table
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
