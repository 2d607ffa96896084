"""Flow: what is held back is read again, whenever its rows are there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import pytest

from minuet.core.plan import compile_plan
from minuet.engines.flow import Flow
from minuet.engines.log import Log, Position, Unreadable
from minuet.engines.partition import Partition
from tests.engines.trips import Desk, trips

WINDOW = 4


class Notes:
    """A log that knows only which partitions are paused."""

    def __init__(self) -> None:
        self.paused: set[int] = set()
        self.resumed: list[int] = []

    def pause(self, partitions: Iterable[int]) -> None:
        self.paused.update(partitions)

    def resume(self, partitions: Iterable[int]) -> None:
        self.resumed += partitions
        self.paused.difference_update(partitions)


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def parts() -> dict[int, Partition]:
    plan = compile_plan(trips("trips", Desk()).spec)
    return {number: Partition.of(plan, number, Position(0, 0)) for number in range(2)}


@pytest.fixture
def flow(notes: Notes, parts: dict[int, Partition]) -> Flow:
    return Flow(cast(Log, notes), parts, WINDOW)


def record(offset: int) -> Unreadable:
    return Unreadable(offset, 0, b"k", b"", [], "")


def test_reading_goes_on_at_half_of_the_window(
    flow: Flow, notes: Notes, parts: dict[int, Partition]
) -> None:
    for part in parts.values():
        flow.loaded(part)
    flow.weigh(WINDOW)
    assert notes.paused == set()
    flow.weigh(WINDOW + 1)
    assert notes.paused == {0, 1}
    flow.weigh(WINDOW // 2 + 1)
    assert notes.paused == {0, 1}
    flow.weigh(WINDOW // 2)
    assert notes.paused == set()


def test_rows_that_come_after_the_pressure_has_gone_set_their_partition_free(
    flow: Flow, notes: Notes, parts: dict[int, Partition]
) -> None:
    flow.loaded(parts[0])
    flow.weigh(WINDOW + 1)
    flow.weigh(0)
    assert notes.paused == {1}
    flow.loaded(parts[1])
    assert notes.paused == set()


def test_a_partition_given_under_pressure_waits_with_the_others(
    flow: Flow, notes: Notes, parts: dict[int, Partition]
) -> None:
    late = parts.pop(1)
    flow.weigh(WINDOW + 1)
    parts[1] = late
    flow.assigned()
    assert notes.paused == {0, 1}
    flow.loaded(late)
    assert notes.paused == {0, 1}


def test_what_is_read_before_the_rows_is_kept_and_much_of_it_pauses(
    flow: Flow, notes: Notes, parts: dict[int, Partition]
) -> None:
    records = [record(n) for n in range(WINDOW + 1)]
    flow.put_off(parts[0], records[:WINDOW])
    assert notes.paused == set()
    flow.put_off(parts[0], records[WINDOW:])
    assert notes.paused == {0}
    assert flow.loaded(parts[0]) == records
    assert notes.paused == set()


def test_what_is_not_paused_is_not_resumed(
    flow: Flow, notes: Notes, parts: dict[int, Partition]
) -> None:
    flow.loaded(parts[0])
    flow.weigh(0)
    assert notes.resumed == []
