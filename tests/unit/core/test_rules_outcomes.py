"""Rules 1, 2, 3 and 5: first wins, what is due, failing, late and irreversible."""

from __future__ import annotations

from dataclasses import replace

from minuet.event import ids
from minuet.spec.model import UndoSpec
from tests.unit.core.story import (
    ORDERS,
    TO_CHARGE,
    TO_CONFIRM,
    TO_SHIP,
    failed,
    orders,
    placed,
    step,
)

# -- 1: first wins ---------------------------------------------------------------------


def test_an_outcome_whose_cause_is_not_effective_is_a_stray() -> None:
    order = placed(*TO_CHARGE)
    other = order.append("PaymentCharged", "c", "other slot", causes="nobody-knows-it")
    assert list(order.state.strays) == [other.id]
    assert "PaymentCharged" not in order.state.events


def test_an_outcome_of_a_type_that_is_effective_already_is_a_stray() -> None:
    order = placed("reserve_stock")
    order.append("StockReserved", "c", "other slot", step="another_step")
    assert order.count("strays") == 1
    assert order.decided == ["ReleaseStock"]  # whatever the saga's status
    assert order.status == "running"


def test_a_stray_of_the_pivot_is_an_incident_and_another_is_counted_only() -> None:
    order = placed(*TO_SHIP)
    order.answers("book_shipment", "ShipmentRefused")
    order.answers("book_shipment", "ShipmentBooked")
    assert order.incidents == ["irreversible"]
    order = placed("screen_fraud")
    order.answers("screen_fraud", "FraudFound")
    assert order.incidents == []
    assert order.count("strays") == 1


def test_a_type_that_the_step_does_not_say_answers_nothing() -> None:
    order = placed()
    order.answers("reserve_stock", "PaymentCharged")
    order.append("StockReserved", "no slot")
    assert order.count("illegal") == 2
    assert order.due == ["reserve_stock", "screen_fraud"]


def test_what_an_undone_stray_was_reported_with_comes_a_second_time_and_changes_nothing() -> None:
    order = placed("reserve_stock")
    stray = order.append("StockReserved", "c", "other slot", step="another_step")
    assert order.coordinates() == ["ReleaseStock"]
    assert order.slot("release_stock").undoes == stray.id
    released = order.answers("release_stock", "StockReleased")
    order.again(released)
    order.again(stray)
    assert order.decided == []
    assert order.count("duplicates") == 2


def test_an_undone_event_that_nobody_asked_for_is_illegal() -> None:
    order = placed("reserve_stock")
    order.append("StockReleased", "u", "s", undoes="what?", step="release_stock")
    order.append("ReleaseStock", "r")
    assert order.count("illegal") == 2


# -- 2: due ----------------------------------------------------------------------------


def test_a_join_is_due_when_all_its_parameters_have_happened() -> None:
    order = placed("reserve_stock")
    assert order.due == ["screen_fraud"]
    order.answers("screen_fraud", "FraudCleared")
    assert order.due == ["charge_payment"]


def test_a_slot_is_the_same_whoever_asks() -> None:
    order = placed(*TO_CHARGE)
    slot = order.slot("charge_payment").id
    assert order.rebuilt().log_offset == order.state.log_offset
    order.crash()
    assert order.slot("charge_payment").id == slot
    causes = [record.id for record in order.log]
    assert slot == ids.slot_id("", causes, "charge_payment")


# -- 3: failing ------------------------------------------------------------------------


def test_the_first_of_two_fail_events_is_the_one_that_fails_the_saga() -> None:
    order = placed("reserve_stock")
    first = order.answers("screen_fraud", "FraudFound")
    order.cancels()
    assert order.state.failed_by == first.id
    assert order.status == "failing"


def test_a_fail_event_behind_the_completion_does_not_fail_the_saga() -> None:
    side = step("ask_customer", "OrderPlaced", "CustomerPleased | CustomerAngry")
    order = placed(spec=replace(orders(side, fails=("CustomerAngry",)), pivot=""))
    for name in (*TO_CONFIRM, "confirm_order"):
        order.answers(name, order.plan.steps[name].spec.says[0])
    order.answers("ask_customer", "CustomerAngry")
    assert order.status == "running"
    assert order.count("illegal") == 1
    assert order.goes_well() == ["SagaCompleted"]


def test_a_fail_event_behind_the_pivot_is_an_incident_and_the_saga_goes_on() -> None:
    order = placed(*TO_CONFIRM)
    cancelled = order.cancels()
    assert order.incidents == ["failed-after-pivot"]
    assert order.due == ["confirm_order"]
    order.answers("confirm_order", "OrderConfirmed")
    assert order.decided == []
    order.skips_undo(cancelled.id)
    assert order.goes_well() == ["SagaCompleted"]


def test_undo_goes_backwards_one_after_the_other() -> None:
    order = placed(*TO_SHIP)
    order.answers("book_shipment", "ShipmentRefused")
    assert order.coordinates() == ["RefundPayment"]
    assert order.decided == []
    order.answers("refund_payment", "PaymentRefunded")
    assert order.coordinates() == ["ReleaseStock"]


def test_undo_goes_all_at_once_if_the_saga_says_so() -> None:
    order = placed(*TO_SHIP, spec=replace(ORDERS, parallel_undo=True))
    order.answers("book_shipment", "ShipmentRefused")
    assert order.coordinates() == ["RefundPayment", "ReleaseStock"]


def test_a_late_outcome_waits_for_the_undo_that_runs() -> None:
    order = failed(*TO_CHARGE)
    assert order.coordinates() == ["ReleaseStock"]
    order.answers("charge_payment", "PaymentCharged", late=True)
    assert order.decided == []
    order.answers("release_stock", "StockReleased")
    assert order.decided == ["RefundPayment"]


# -- 5: late and irreversible ----------------------------------------------------------


def test_a_late_outcome_of_a_failed_saga_is_undone() -> None:
    order = failed("screen_fraud")
    order.answers("reserve_stock", "StockReserved", late=True)
    assert order.goes_well() == ["ReleaseStock", "StockReleased", "SagaCompensated"]


def test_a_late_shipment_is_an_incident() -> None:
    order = failed(*TO_SHIP)
    booked = order.answers("book_shipment", "ShipmentBooked", late=True)
    assert order.incidents == ["irreversible"]
    assert "SagaCompensated" not in order.goes_well()
    order.skips_undo(booked.id)
    assert order.goes_well() == ["SagaCompensated"]


def test_what_happened_in_a_completed_saga_stays() -> None:
    order = placed()
    assert not {"ReleaseStock", "RefundPayment"} & set(order.goes_well())
    order.append("StockReserved", "stray", "other slot")
    assert order.goes_well() == ["ReleaseStock", "StockReleased"]


def test_what_came_from_outside_before_the_end_of_a_failed_saga_is_undone() -> None:
    gift = UndoSpec("GiftBought", "ReturnGift", "GiftReturned")
    spec = orders(step("return_gift", "ReturnGift, GiftBought", "GiftReturned"))
    order = placed("screen_fraud", spec=replace(spec, undo=(*spec.undo, gift)))
    order.answers("reserve_stock", "StockRejected")
    (end,) = order.says()
    order.happens("GiftBought")  # between the decision and its record
    order.append(end.type, end.id)
    assert order.status == "compensated"
    order.crash()
    assert order.goes_well() == ["ReturnGift", "GiftReturned"]
    assert order.state.seen == {}
