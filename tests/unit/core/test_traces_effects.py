"""Histories that earlier forms of the design got wrong, up to the life of a saga.

Each is one saga's log, told twice: to a state that stays, and to one that goes through its row
after each record, as if the owner died there.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from minuet.core.due import Ahead, Doubt, doubt, due
from minuet.core.state import Entry, Place
from minuet.core.table import Table
from tests.unit.core.story import HOUR_MS, Story, orders, step


@pytest.fixture(params=[False, True], ids=["stays", "crashes"])
def order(request: pytest.FixtureRequest) -> Story:
    """An order that was placed."""
    story = Story(packed=request.param)
    story.begins()
    return story


def of(order: Story, *steps: str) -> Story:
    """Let these steps say their first type."""
    for name in steps:
        order.answers(name, order.plan.steps[name].spec.says[0])
    return order


# -- in-doubt effects ------------------------------------------------------------------


def test_a_charge_whose_worker_died_before_the_append_is_learned_and_refunded(order: Story) -> None:
    of(order, "reserve_stock", "screen_fraud")
    assert order.due == ["charge_payment"]  # taken up by a worker that dies after the charge
    order.cancels()
    assert order.in_doubt == ["charge_payment"]
    assert doubt(order.slot("charge_payment"), owned_since=4, started=False) is Doubt.RUN
    assert "SagaCompensated" not in order.decided
    order.answers("charge_payment", "PaymentCharged", late=True)
    assert order.goes_well() == [
        "RefundPayment", "PaymentRefunded", "ReleaseStock", "StockReleased", "SagaCompensated",
    ]  # fmt: skip


def test_a_charge_that_timed_out_six_times_is_not_taken_for_none(order: Story) -> None:
    of(order, "reserve_stock", "screen_fraud")
    order.gives_up("charge_payment", 6)
    order.cancels()
    assert order.in_doubt == ["charge_payment"]
    assert order.due == []  # never run again by rule 4: a person decides
    assert order.coordinates() == ["ReleaseStock"]
    order.answers("release_stock", "StockReleased")
    assert order.decided == []
    assert order.incidents == ["gave-up"]
    order.answers("charge_payment", "PaymentCharged", by="ada")
    assert order.goes_well() == ["RefundPayment", "PaymentRefunded", "SagaCompensated"]


def test_a_charge_started_inline_before_the_failure_was_read_is_in_doubt(order: Story) -> None:
    order.answers("screen_fraud", "FraudCleared")
    order.cancels()
    order.answers("reserve_stock", "StockReserved")  # in hand of a worker that had not read that
    assert order.in_doubt == ["charge_payment"]
    order.answers("charge_payment", "PaymentCharged", late=True)
    assert order.goes_well() == [
        "RefundPayment", "PaymentRefunded", "ReleaseStock", "StockReleased", "SagaCompensated",
    ]  # fmt: skip


# -- first wins ------------------------------------------------------------------------


def test_a_zombies_charge_after_a_decline_of_the_same_slot_is_refunded(order: Story) -> None:
    of(order, "reserve_stock", "screen_fraud")
    order.answers("charge_payment", "PaymentDeclined")
    zombie = order.answers("charge_payment", "PaymentCharged")
    assert order.status == "failing"
    assert list(order.state.strays) == [zombie.id]
    assert order.goes_well().count("PaymentRefunded") == 1
    assert order.status == "compensated"


def test_what_a_zombie_charged_inline_from_a_losing_reservation_is_refunded(order: Story) -> None:
    order.answers("screen_fraud", "FraudCleared")
    losing = Story()
    losing.begins()
    losing.answers("screen_fraud", "FraudCleared")
    losing.append("StockReserved", "zombies", slot=losing.slot("reserve_stock").id)
    zombies_charge = losing.slot("charge_payment")
    order.answers("reserve_stock", "StockReserved")
    order.append("StockReserved", "zombies", slot=order.slot("reserve_stock").id)
    stray = order.answers(zombies_charge, "PaymentCharged")
    assert stray.id in order.state.strays
    assert order.due == ["charge_payment"]  # the good one is not taken for answered
    said = order.goes_well()
    assert said.count("PaymentRefunded") == 1
    assert order.status == "completed"


def test_one_id_with_two_contents_keeps_the_first_bytes(order: Story) -> None:
    order.answers("reserve_stock", "StockReserved", body="warehouse A")
    order.answers("reserve_stock", "StockReserved", body="warehouse B")
    assert order.count("nondeterministic") == 1
    assert order.state.events["StockReserved"].value == b"warehouse A"
    assert order.state.strays == {}


# -- work lives in the state -----------------------------------------------------------


def test_what_was_folded_and_not_run_is_due_after_a_restore(order: Story) -> None:
    of(order, "reserve_stock", "screen_fraud")
    order.crash()
    for record in order.log:  # the committed offset was behind the row
        order.table.fold(record)
    assert order.due == ["charge_payment"]
    causes = order.due_slots[0].causes
    assert [cause.value for cause in causes] == [b"StockReserved", b"FraudCleared", b"OrderPlaced"]


def test_a_join_fires_when_its_inputs_stand_on_both_sides_of_the_row(order: Story) -> None:
    of(order, "reserve_stock")
    order.crash()
    of(order, "screen_fraud")
    assert order.due == ["charge_payment"]


def test_a_slot_that_waits_leaves_the_other_branches_due(order: Story) -> None:
    order.waits("reserve_stock", 1, until=order.now + HOUR_MS)
    assert order.due == ["screen_fraud"]
    order.now += 2 * HOUR_MS
    assert order.due == ["reserve_stock", "screen_fraud"]


# -- rows ------------------------------------------------------------------------------


def test_a_row_that_lands_behind_a_younger_one_changes_nothing() -> None:
    order = Story()
    order.begins()
    old = order.row()
    of(order, "reserve_stock", "screen_fraud")
    young = order.row()
    table = Table(order.plan)
    for row in (young, old):
        table.load(order.key, row)
    table.loaded()
    assert order.key in table.dirty  # written again before the first commit
    assert table.pack([order.key]) == [(order.key, young)]


def test_a_row_speaks_of_what_was_read_only() -> None:
    order = Story()
    order.begins()
    plan, state = order.plan, order.state
    before = order.row()
    own = order.slot("reserve_stock")
    entry = Entry("own", "StockReserved", 15, order.now, "", Place.EFFECTIVE, own.id)
    ahead = Ahead({"StockReserved": entry}, plan.bits["StockReserved"])
    assert [slot.step.name for slot in due(plan, state, order.now, ahead)] == ["screen_fraud"]
    assert order.row() == before
    assert order.state.log_offset == 0


# -- trying again on purpose -----------------------------------------------------------


def test_a_resumed_charge_runs_under_the_same_key_and_counts(order: Story) -> None:
    of(order, "reserve_stock", "screen_fraud")
    key = order.slot("charge_payment").id
    gave_up = order.gives_up("charge_payment", 6)
    assert order.due == []
    order.resumes("charge_payment", gave_up)
    assert [slot.id for slot in order.due_slots] == [key]
    order.answers("charge_payment", "PaymentCharged")
    order.goes_well()
    assert order.status == "completed"


def test_a_redone_order_is_charged_under_another_key(order: Story) -> None:
    of(order, "reserve_stock", "screen_fraud")
    first = order.slot("charge_payment").id
    order.goes_well(charge_payment="PaymentDeclined")
    order.redoes()
    of(order, "reserve_stock", "screen_fraud")
    assert order.slot("charge_payment").id != first
    order.goes_well()
    assert order.status == "completed"


# -- which one does a join take --------------------------------------------------------


def test_a_second_reservation_with_another_id_charges_nobody_twice(order: Story) -> None:
    of(order, "reserve_stock", "screen_fraud")
    key = order.slot("charge_payment").id
    order.append("StockReserved", "another", slot=order.slot("reserve_stock").id)
    assert [slot.id for slot in order.due_slots] == [key]
    of(order, "charge_payment")
    assert "charge_payment" not in order.due


def test_a_second_order_with_another_id_begins_nothing(order: Story) -> None:
    of(order, "reserve_stock")
    order.begins("another-file", body="other content")
    assert order.due == ["screen_fraud"]
    assert order.count("strays") == 1


# -- inline continuation ---------------------------------------------------------------


def test_the_pivot_is_never_taken_for_started_inline(order: Story) -> None:
    of(order, "reserve_stock", "screen_fraud")
    order.happens("OrderExpired")
    of(order, "charge_payment")
    assert "book_shipment" not in order.due
    assert order.in_doubt == []


# -- bodies ----------------------------------------------------------------------------


def test_what_a_request_or_a_deadline_copies_is_in_the_row(order: Story) -> None:
    of(order, "reserve_stock", "screen_fraud", "charge_payment")
    order.crash()
    order.now += HOUR_MS
    (expired,) = order.says()
    assert expired.type == "OrderExpired"
    assert expired.of is not None
    assert expired.of.value == b"OrderPlaced"
    order.coordinates()
    order.crash()
    (refund,) = order.says()
    assert refund.of is not None
    assert refund.of.value == b"PaymentCharged"


def test_a_joins_inputs_survive_a_restart_long_after_they_were_folded(order: Story) -> None:
    of(order, "reserve_stock", "screen_fraud", "charge_payment")
    order.crash()
    (slot,) = order.due_slots
    assert [cause.value for cause in slot.causes] == [b"PaymentCharged", b"OrderPlaced"]


# -- waits are in the log --------------------------------------------------------------


def test_a_rebalance_does_not_forget_a_backoff(order: Story) -> None:
    order.waits("reserve_stock", 3, until=order.now + HOUR_MS)
    order.crash()
    assert order.due == ["screen_fraud"]
    order.now += 2 * HOUR_MS
    assert order.due_slots[0].attempt == 3


# -- the life of a saga ----------------------------------------------------------------


def test_a_compensated_saga_has_an_end_event_and_nothing_reopens_it(order: Story) -> None:
    order.goes_well(charge_payment="PaymentDeclined")
    end = order.log[-1]
    assert end.type == "SagaCompensated"
    order.append("FraudCleared", "in flight", slot=order.log[2].slot)
    assert order.status == "compensated"
    assert order.due == order.decided == []


def test_a_customer_is_told_of_a_decline_while_the_saga_compensates() -> None:
    order = Story(orders(step("notify_customer", "PaymentDeclined, OrderPlaced", "CustomerTold")))
    order.begins()
    of(order, "reserve_stock", "screen_fraud")
    order.answers("charge_payment", "PaymentDeclined")
    assert order.due == ["notify_customer"]
    assert order.in_doubt == []
    order.coordinates()
    order.answers("release_stock", "StockReleased")
    assert order.decided == []  # not before the customer has been told
    order.answers("notify_customer", "CustomerTold")
    assert order.decided == ["SagaCompensated"]


def test_a_side_branchs_reservation_after_the_completion_is_not_undone() -> None:
    spec = orders(step("reserve_gift", "OrderPlaced", "GiftReserved"))
    undo = (*spec.undo, replace(spec.undo[0], outcome="GiftReserved"))
    order = Story(replace(spec, undo=undo))
    order.begins()
    of(order, "reserve_stock", "screen_fraud", "charge_payment", "book_shipment", "confirm_order")
    assert order.decided == []
    of(order, "reserve_gift")
    assert order.goes_well() == ["SagaCompleted"]
