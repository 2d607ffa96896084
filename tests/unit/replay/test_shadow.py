"""What a step says in a shadow: what it said then, if it is asked the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from minuet import Context, Saga, step
from minuet.contracts.codec import Codec
from minuet.contracts.registry import LocalRegistry
from minuet.core.plan import compile_plan
from minuet.errors import GiveUp, UsageError
from minuet.event.ids import slot_id
from minuet.event.model import Event
from minuet.event.platform import StepGaveUp
from minuet.event.record import (
    ATTEMPT,
    BY,
    CAUSES,
    DIGEST,
    ID,
    REASON,
    SCHEMA,
    SLOT,
    STEP,
    TYPE,
    Record,
    parse,
)
from minuet.kafka.kept import HeaderList
from minuet.rehearsal.archive import Archive
from minuet.replay.fates import Fate, Fates, compare
from minuet.replay.shadow import UNKNOWN, Recorded, shadow_of
from minuet.spec import project
from minuet.spec.assemble import Workflow, assemble
from minuet.step import definition_of


class ParcelSent(Event):
    parcel_id: str
    kilos: int


class StampBought(Event):
    price: int


class ParcelArrived(Event): ...


class PostOffice:
    async def stamp(self, kilos: int) -> int:
        raise AssertionError


@step
async def buy_stamp(sent: ParcelSent, office: PostOffice) -> StampBought:
    return StampBought(price=await office.stamp(sent.kilos))


@step
def deliver(stamp: StampBought) -> ParcelArrived:
    return ParcelArrived()


def parcels() -> Workflow:
    saga = Saga(
        "parcels", key="parcel_id", begins=ParcelSent, pivot=ParcelArrived,
        completes=ParcelArrived, partitions=1,
    )  # fmt: skip
    saga.provide(PostOffice, real=PostOffice, simulated=PostOffice)
    steps = [definition_of(each) for each in (buy_stamp, deliver)]
    return assemble(saga, [each for each in steps if each is not None])


WORKFLOW = parcels()
CODEC = Codec(WORKFLOW.models.values(), LocalRegistry())
BUY = WORKFLOW.steps["buy_stamp"]
SENT = ParcelSent(parcel_id="p-1", kilos=3)
FIRST, SECOND = slot_id("", ["1"], "buy_stamp"), slot_id("", ["other"], "buy_stamp")


def asked_in(slot: str, saga: str = "p-1") -> Context:
    return Context(saga, slot, 1, "buy_stamp", datetime(2026, 1, 1, tzinfo=UTC), "")


def record(id: str, event: Event, *more: tuple[str, str]) -> Record:
    value, schema, digest = CODEC.encode(event)
    headers = {
        ID: id.encode(), TYPE: type(event).__name__.encode(), SCHEMA: schema, DIGEST: digest,
        **{name: text.encode() for name, text in more},
    }  # fmt: skip
    return parse(b"p-1", value, headers.items(), int(id), 1)


def answer(id: str, price: int, slot: str = FIRST) -> Record:
    more = ((SLOT, slot), (STEP, "buy_stamp"), (CAUSES, "1"))
    return record(id, StampBought(price=price), *more)


def gave_up(id: str, attempt: int = 6) -> Record:
    event = StepGaveUp(
        step="buy_stamp", slot=FIRST, attempt=attempt, category="retry", error="no paper"
    )
    more = ((SLOT, FIRST), (STEP, "buy_stamp"), (ATTEMPT, str(attempt)), (REASON, "no paper"))
    return record(id, event, *more)


def recorded(*records: Record, codec: Codec = CODEC) -> Recorded:
    has = {"p-1": [record("1", SENT), *records]}
    return Recorded(WORKFLOW.spec, codec, lambda saga: has.get(saga, []))


def test_asked_the_same_it_says_the_same_and_of_two_answers_the_first() -> None:
    said = recorded(answer("2", 6), answer("3", 7)).answer(BUY, asked_in(FIRST), [SENT])
    assert said == StampBought(price=6)


def test_equal_inputs_in_another_slot_are_answered_as_a_rehearsal_does() -> None:
    said = recorded(answer("2", 6)).answer(BUY, asked_in(SECOND), [SENT])
    assert said == StampBought(price=6)


def test_that_a_step_gave_up_is_an_answer_until_it_had_another() -> None:
    with pytest.raises(GiveUp, match="buy_stamp gave up then, too: no paper") as raised:
        recorded(gave_up("2")).answer(BUY, asked_in(FIRST), [SENT])
    assert UNKNOWN not in str(raised.value)
    with pytest.raises(GiveUp, match="buy_stamp was asked something else"):
        recorded(gave_up("2")).answer(BUY, asked_in(FIRST), [SENT.model_copy(update={"kilos": 4})])
    later = recorded(gave_up("2"), answer("3", 6))
    assert later.answer(BUY, asked_in(FIRST), [SENT]) == StampBought(price=6)


def test_what_a_person_answered_stands_in_its_slot_and_in_no_other() -> None:
    by = record("3", StampBought(price=9), (SLOT, FIRST), (STEP, "buy_stamp"), (BY, "anna"))
    found = recorded(gave_up("2"), by)
    assert found.answer(BUY, asked_in(FIRST), [SENT]) == StampBought(price=9)
    with pytest.raises(GiveUp, match="gave up then, too"):
        found.answer(BUY, asked_in(SECOND), [SENT])


@pytest.mark.parametrize(
    "given", [[SENT.model_copy(update={"kilos": 4})], [], [SENT, SENT]], ids=["other", "0", "2"]
)
def test_asked_something_else_it_is_unknown(given: list[Event]) -> None:
    with pytest.raises(GiveUp, match=f"{UNKNOWN}: buy_stamp was asked something else"):
        recorded(answer("2", 6)).answer(BUY, asked_in(FIRST), given)


def test_without_an_answer_it_is_unknown() -> None:
    for context in (asked_in(FIRST), asked_in(FIRST, "p-2")):
        with pytest.raises(GiveUp, match="the log has no answer of buy_stamp to this"):
            recorded().answer(BUY, context, [SENT])


def test_an_answer_that_the_step_may_not_say_any_more_is_unknown() -> None:
    other = replace(BUY, spec=replace(BUY.spec, says=("StampSold",)))
    with pytest.raises(GiveUp, match="said StampBought, which it may not say now"):
        recorded(answer("2", 6)).answer(other, asked_in(FIRST), [SENT])


def test_a_schema_that_grew_makes_no_other_input() -> None:
    grown = type("ParcelSent", (ParcelSent,), {"__annotations__": {"note": str}, "note": ""})
    registry = LocalRegistry()
    Codec(WORKFLOW.models.values(), registry).register()
    now = Codec([grown, StampBought, ParcelArrived], registry)
    found = recorded(answer("2", 6), codec=now)
    assert found.answer(BUY, asked_in(FIRST), [grown(parcel_id="p-1", kilos=3)]) == StampBought(
        price=6
    )
    with pytest.raises(GiveUp, match="was asked something else"):
        found.answer(BUY, asked_in(FIRST), [grown(parcel_id="p-1", kilos=3, note="fragile")])


def test_an_archive_gives_each_saga_its_records_in_their_order() -> None:
    with Archive() as archive:
        for number in range(12_000):
            key = b"p-%d" % (number % 3)
            headers: HeaderList = [(ID, b"%d" % number), (TYPE, b"ParcelSent")]
            archive.take(key, (number, 1, b"", headers))
        assert [each.offset for each in archive.records("p-1")] == list(range(1, 12_000, 3))
        assert archive.records("p-9") == []


def test_a_shadow_has_its_own_topics_and_no_resources() -> None:
    orders = project.load("orders")
    shadow = shadow_of(orders, "x", recorded())
    assert shadow.spec.log_topic == "shadow-x.orders.events"
    assert (shadow.spec.group, shadow.spec.schema_topic) == (
        "shadow-x.orders", "shadow-x.minuet.schemas"
    )  # fmt: skip
    assert shadow.spec.version == orders.spec.version
    for name in ("", "a.b", "-", "x" * 41):
        with pytest.raises(UsageError, match="write letters, digits and dashes"):
            shadow_of(orders, name, None)
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
