"""Rule 8: values that cannot be read."""

from __future__ import annotations

from minuet.core.due import FOREVER, Doubt, doubt, next_timer
from tests.unit.core.story import HOUR_MS, TO_CHARGE, TO_SHIP, failed, orders, placed, step

# -- 8: bad bytes ----------------------------------------------------------------------


def test_an_unreadable_event_keeps_its_place_and_is_waited_for() -> None:
    order = placed("reserve_stock", "screen_fraud")
    order.rejects(order.log[1])
    assert order.due == []
    assert "StockReserved" in order.state.events
    order.crash()
    order.answers("reserve_stock", "StockReserved", body="readable", by="ada")
    assert order.slot("charge_payment").causes[0].value == b"readable"
    assert order.incidents == []


def test_a_second_readable_value_is_a_stray() -> None:
    order = placed("reserve_stock", "screen_fraud")
    order.answers("reserve_stock", "StockReserved", body="not asked for", by="ada")
    assert order.count("strays") == 1
    assert order.state.events["StockReserved"].value == b"StockReserved"


def test_a_stray_that_cannot_be_read_is_given_a_value_or_skipped() -> None:
    order = placed("reserve_stock")
    slot = order.slot("screen_fraud")
    stray = order.append("StockReserved", "stray", slot.id)
    order.rejects(stray)
    assert order.decided == []
    order.append("StockReserved", "hers", slot.id, "readable", by="ada")
    assert order.incidents == []
    order.rejects(order.log[0])
    assert order.incidents == ["rejected"]
    assert order.decided == ["ReleaseStock"]


def test_a_cancel_closes_what_no_undo_needs() -> None:
    order = placed()
    order.rejects(order.log[0])
    assert order.due == []
    order.cancels()
    assert order.incidents == []
    assert order.in_doubt == ["reserve_stock", "screen_fraud"]
    choices = {
        since: doubt(order.slot("screen_fraud"), owned_since=since, started=False)
        for since in (0, 1)
    }
    assert choices == {0: Doubt.SKIP, 1: Doubt.PARK}  # nobody can run it again to learn
    order.skips("screen_fraud")
    order.answers("reserve_stock", "StockReserved", late=True, by="ada")
    assert order.goes_well() == ["ReleaseStock", "StockReleased", "SagaCompensated"]


def test_a_cancelled_saga_waits_for_a_value_that_an_undo_needs() -> None:
    refund = step("refund_payment", "RefundPayment, PaymentCharged, OrderPlaced", "PaymentRefunded")
    order = placed(*TO_CHARGE, spec=orders(refund, without="refund_payment"))
    order.rejects(order.log[0])
    order.cancels()
    assert order.incidents == []
    order.answers("charge_payment", "PaymentCharged", late=True, by="ada")
    assert order.coordinates() == ["RefundPayment"]
    assert order.incidents == ["rejected"]
    order.append("OrderPlaced", "hers", body="readable", by="ada")
    assert order.incidents == []
    assert order.due_slots[0].causes[2].value == b"readable"
    assert order.goes_well()[-1] == "SagaCompensated"


def test_a_skip_closes_an_unreadable_undo_of_a_failing_saga_only() -> None:
    order = placed("reserve_stock", "screen_fraud")
    reserved = order.log[1]
    order.rejects(reserved)
    order.skips_undo(reserved.id)
    assert order.incidents == ["rejected"]
    order.cancels()
    order.append("StepSkipped", "hers", undoes=reserved.id)
    assert order.incidents == []
    order.skips("charge_payment")
    assert order.goes_well() == ["SagaCompensated"]


def test_an_unreadable_request_closes_with_its_undo() -> None:
    order = placed("reserve_stock")
    reserved = order.log[1]
    order.answers("screen_fraud", "FraudFound")
    order.coordinates()
    order.rejects(order.log[-1])
    assert order.due == []
    order.skips_undo(reserved.id)
    assert order.goes_well() == ["SagaCompensated"]


def test_a_deadline_that_would_copy_an_unreadable_event_is_not_said() -> None:
    order = placed()
    order.rejects(order.log[0])
    order.now += HOUR_MS
    assert order.decided == []
    assert next_timer(order.plan, order.state) == FOREVER


def test_a_rejection_of_a_record_that_is_not_kept_is_illegal() -> None:
    order = placed()
    record = order.again(order.log[0])
    order.rejects(record)
    assert order.count("illegal") == 1


def test_a_request_that_somebody_could_read_is_waited_for_no_more() -> None:
    order = placed("reserve_stock")
    order.answers("screen_fraud", "FraudFound")
    order.coordinates()
    request = order.log[-1]
    slot = order.slot("release_stock")
    order.rejects(request)
    assert order.incidents == ["rejected"]
    order.answers(slot, "StockReleased")
    assert order.incidents == []
    assert order.goes_well() == ["SagaCompensated"]


def test_an_unreadable_event_behind_the_pivot_keeps_its_worse_incident() -> None:
    order = failed(*TO_SHIP)
    booked = order.answers("book_shipment", "ShipmentBooked", late=True)
    order.rejects(booked)
    assert order.incidents == ["irreversible"]
    order.skips_undo(booked.id)
    assert order.goes_well()[-1] == "SagaCompensated"
