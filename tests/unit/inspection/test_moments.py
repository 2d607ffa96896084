"""A saga as it was: at a moment, at a place, after an event."""

from __future__ import annotations

import pytest

from minuet.errors import MinuetError, UsageError
from minuet.inspection.history import History, fold
from minuet.inspection.moments import at
from tests.unit.core.story import BEGAN_MS, TO_CONFIRM, Story, placed


def ended() -> Story:
    order = placed(*TO_CONFIRM)
    order.goes_well()
    return order


def history(order: Story) -> History:
    return History(order.key, 2, order.log, *fold(order.plan, order.log), len(order.log))


def test_each_way_to_say_it_leads_to_the_same_state() -> None:
    order = ended()
    third = order.log[2]
    for text in (third.id, "2/2", "2023-11-14T22:13:20.003Z", "2023-11-14T23:13:20.003+01:00"):
        found, time = at(order.plan, history(order), text)
        assert [record.offset for record in found.records] == [0, 1, 2]
        assert (time, found.after) == (BEGAN_MS + 3, 3)
        assert sorted(found.state.events) == ["FraudCleared", "OrderPlaced", "StockReserved"]
        assert len(found.notes) == 3


def test_a_moment_between_two_events_has_the_first_and_the_clock_of_the_moment() -> None:
    order = ended()
    for record in order.log[3:]:
        record.time += 10_000
    found, time = at(order.plan, history(order), "2023-11-14T22:13:25Z")
    assert (len(found.records), time) == (3, BEGAN_MS + 5_000)
    everything, _ = at(order.plan, history(order), "2/999")
    assert len(everything.records) == len(order.log)


def test_before_its_begin_and_elsewhere_it_is_told_where_the_saga_is() -> None:
    order = ended()
    with pytest.raises(MinuetError, match="had not begun at 2020-01-01: its first event is at 2/0"):
        at(order.plan, history(order), "2020-01-01")
    with pytest.raises(UsageError, match="order-1 is in partition 2, and only there"):
        at(order.plan, history(order), "1/7")
    with pytest.raises(UsageError, match="or the id of one of order-1's events"):
        at(order.plan, history(order), "nonsense")
