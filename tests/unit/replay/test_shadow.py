"""What a step says in a shadow: what it said then, if it is asked the same."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from minuet.contracts.codec import Codec
from minuet.contracts.registry import LocalRegistry
from minuet.core.plan import compile_plan
from minuet.errors import GiveUp
from minuet.event.model import Event
from minuet.event.record import CAUSES, ID, SCHEMA, SLOT, TYPE
from minuet.kafka.kept import HeaderList, Kept
from minuet.replay.fates import Fate, Fates, compare
from minuet.replay.shadow import UNKNOWN, Recorded, shadow_of
from minuet.spec import project
from minuet.step import Context


class ParcelSent(Event):
    kilos: int


class StampBought(Event):
    price: int


CODEC = Codec([ParcelSent, StampBought], LocalRegistry())
CONTEXT = Context("p-1", "slot-1", 1, "buy_stamp", datetime(2026, 1, 1, tzinfo=UTC), "")


def record(id: bytes, event: Event, *more: tuple[str, bytes | None]) -> Kept:
    value, schema, _ = CODEC.encode(event)
    headers: HeaderList = [(ID, id), (TYPE, type(event).__name__.encode()), (SCHEMA, schema)]
    return Kept(0, 0, 1, b"p-1", value, [*headers, *more])


def recorded() -> Recorded:
    found = Recorded(CODEC.decode)
    found.take(record(b"1", ParcelSent(kilos=3)))
    answer: HeaderList = [(SLOT, b"slot-1"), (CAUSES, b"1")]
    found.take(record(b"2", StampBought(price=6), *answer))
    found.take(record(b"3", StampBought(price=7), *answer))  # came second
    return found


def test_asked_the_same_it_says_the_same_and_of_two_answers_the_first() -> None:
    said = recorded().answer("buy_stamp", CONTEXT, [ParcelSent(kilos=3)])
    assert said == StampBought(price=6)


@pytest.mark.parametrize("given", [[ParcelSent(kilos=4)], [], [ParcelSent(kilos=3)] * 2])
def test_asked_something_else_it_is_unknown(given: list[Event]) -> None:
    with pytest.raises(GiveUp, match=f"{UNKNOWN}: buy_stamp was asked something else"):
        recorded().answer("buy_stamp", CONTEXT, given)


def test_without_an_answer_it_is_unknown() -> None:
    other = Context("p-2", "slot-1", 1, "buy_stamp", CONTEXT.now, "")
    with pytest.raises(GiveUp, match="the log has no answer of buy_stamp to this"):
        recorded().answer("buy_stamp", other, [ParcelSent(kilos=3)])


def test_a_shadow_has_its_own_topics_and_no_resources() -> None:
    orders = project.load("orders")
    shadow = shadow_of(orders, "x", recorded())
    assert shadow.spec.log_topic == "orders.shadow-x.events"
    assert {step.resources for step in shadow.steps.values()} == {()}
    assert orders.steps["charge_payment"].resources
    pure = [name for name, step in orders.steps.items() if not step.resources]
    assert pure
    assert all(shadow.steps[name] is orders.steps[name] for name in pure)


def test_fates_are_compared_by_their_end_and_events_and_unknown_is_no_difference() -> None:
    plan = compile_plan(project.load("orders").spec)
    here, there = Fates(plan), Fates(plan)
    for saga, status in (("same", "completed"), ("other", "completed"), ("unknown", "running")):
        here.of[saga] = Fate(status, {"OrderPlaced", "StockReserved"})
    there.of["same"] = Fate("completed", {"OrderPlaced", "StockReserved"})
    there.of["other"] = Fate("compensated", {"OrderPlaced", "StockRejected"})
    there.of["unknown"] = Fate(
        "running", {"OrderPlaced", "StockReserved"}, f"{UNKNOWN}: it was asked something else"
    )
    counts, found = compare(here, there)
    assert counts == {"same": 1, "different": 1, "unknown": 1}
    assert [each.saga for each in found] == ["other", "unknown"]
    assert compare(here, there, {"same", "never"}, "stalled")[0] == {
        "same": 0, "different": 1, "unknown": 3
    }  # fmt: skip
    stalled = compare(here, there, {"other"}, "stalled")[1]
    assert (stalled[0].saga, stalled[0].why) == ("other", "stalled")
    assert (found[0].more, found[0].less) == (("StockRejected",), ("StockReserved",))
