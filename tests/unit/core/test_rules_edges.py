"""The rules where two of their words decide: each test fails when one condition of the core goes.

Numbers are those of the design's rules.
"""

from __future__ import annotations

from dataclasses import replace

from minuet.event import ids
from tests.unit.core.story import (
    HOUR_MS,
    ORDERS,
    TO_CHARGE,
    TO_CONFIRM,
    TO_SHIP,
    Story,
    failed,
    orders,
    placed,
    step,
)

REFUND_NEEDS_MORE = orders(
    step("refund_payment", "RefundPayment, PaymentCharged, OrderPlaced", "PaymentRefunded"),
    without="refund_payment",
)

# -- the state -------------------------------------------------------------------------


def test_a_saga_keeps_the_first_version_and_trace_that_its_log_names() -> None:
    order = Story()
    order.append("OrderPlaced", "b", traceparent="no extension")
    order.append("StockReserved", "one", "slot", workflowversion="v1")
    order.append("FraudCleared", "two", "slot", workflowversion="v2")
    assert order.state.version == "v1"


# -- 1 and 3: one undo for each outcome ------------------------------------------------


def test_a_second_request_for_one_outcome_is_illegal_and_undoes_nothing_twice() -> None:
    order = placed("reserve_stock")
    order.answers("screen_fraud", "FraudFound")
    order.coordinates()
    order.append("ReleaseStock", "another", undoes=order.log[1].id)
    assert order.count("illegal") == 1
    assert [slot.causes[0].id for slot in order.due_slots] == [order.log[3].id]


def test_a_second_undone_event_is_illegal_and_no_stray() -> None:
    order = placed("reserve_stock")
    order.answers("screen_fraud", "FraudFound")
    order.coordinates()
    released = order.answers("release_stock", "StockReleased")
    order.append("StockReleased", "zombie", "slot", undoes=order.log[1].id)
    assert (order.count("illegal"), order.count("strays")) == (1, 0)
    assert order.state.undone[order.log[1].id].id == released.id


def test_a_stray_of_a_running_saga_is_undone_with_whatever_its_undo_needs() -> None:
    order = placed(*TO_SHIP, spec=REFUND_NEEDS_MORE)
    order.append("PaymentCharged", "stray", "other slot")
    assert order.incidents == []
    assert order.goes_well()[:2] == ["RefundPayment", "ShipmentBooked"]
    assert order.status == "completed"


def test_an_event_from_outside_belongs_to_the_round_in_which_it_comes() -> None:
    order = placed(spec=orders(step("note", "CustomerCalled", "CallNoted")))
    order.goes_well(reserve_stock="StockRejected")
    order.redoes()
    order.happens("CustomerCalled")
    assert "CustomerCalled" in order.state.events
    assert "note" in order.due


# -- 7: what a person may do -----------------------------------------------------------


def test_a_begin_event_that_comes_again_in_the_next_round_is_known() -> None:
    order = placed()
    order.goes_well(reserve_stock="StockRejected")
    order.redoes()
    order.again(order.log[0])
    assert (order.count("duplicates"), order.count("conflicts")) == (1, 0)
    order.begins(body="other content")
    assert order.count("conflicts") == 1


def test_a_slot_that_waits_is_not_resumed() -> None:
    order = placed()
    wait = order.waits("reserve_stock", 1, until=order.now + HOUR_MS)
    order.resumes("reserve_stock", wait)
    assert order.count("illegal") == 1
    assert order.due == ["screen_fraud"]


def test_a_zombies_wait_does_not_take_a_slot_from_the_person() -> None:
    order = placed()
    order.gives_up("reserve_stock", 6)
    order.tries("StepRetrying", "reserve_stock", 7, until=order.now)
    assert order.count("illegal") == 1
    assert order.due == ["screen_fraud"]
    assert order.incidents == ["gave-up"]


def test_a_slot_that_nobody_tried_cannot_be_skipped_while_the_saga_runs() -> None:
    order = placed()
    order.skips("reserve_stock")
    order.append("StepSkipped", "hers", order.slot("reserve_stock").id, by="ada")
    assert order.count("illegal") == 2
    assert order.due == ["reserve_stock", "screen_fraud"]


def test_a_skip_of_the_round_before_settles_nothing() -> None:
    order = placed("screen_fraud")
    order.goes_well(reserve_stock="StockRejected")
    order.redoes()
    order.cancels()
    order.append("StepSkipped", "zombie", order.slot("reserve_stock").id, step="reserve_stock")
    assert order.in_doubt == ["reserve_stock", "screen_fraud"]


def test_a_skipped_undo_closes_its_own_incident_alone() -> None:
    order = placed(*TO_SHIP, spec=replace(ORDERS, parallel_undo=True))
    order.answers("book_shipment", "ShipmentRefused")
    order.coordinates()
    for name in ("release_stock", "refund_payment"):
        order.gives_up(name)
    order.skips_undo(order.log[1].id)
    assert [incident.about for incident in order.state.incidents.values()] == ["refund_payment"]


def test_the_undo_of_a_stray_can_be_skipped_before_it_was_asked_for() -> None:
    order = placed("reserve_stock")
    stray = order.append("StockReserved", "stray", "other slot")
    order.skips_undo(stray.id)
    assert order.count("illegal") == 0
    assert order.decided == []
    order.crash()
    assert order.decided == []


def test_only_what_has_an_undo_can_go_without_one() -> None:
    order = failed("screen_fraud")
    order.skips_undo(order.log[1].id)
    order.append("StepSkipped", "hers", undoes="nobody knows it")
    assert order.count("illegal") == 2


def test_an_answer_ends_the_waits_of_its_slot() -> None:
    order = placed()
    order.waits("reserve_stock", 1, until=order.now + HOUR_MS)
    order.answers("reserve_stock", "StockReserved")
    assert order.state.tries == {}


# -- 8: bad bytes ----------------------------------------------------------------------


def test_a_failure_does_not_close_what_a_cancel_would() -> None:
    order = placed("reserve_stock")
    order.rejects(order.log[0])
    order.append("FraudFound", "outside", order.slot("screen_fraud").id, step="screen_fraud")
    assert order.status == "failing"
    assert order.incidents == ["rejected"]


def test_a_cancel_that_comes_after_the_pivot_closes_nothing() -> None:
    order = placed(*TO_CONFIRM)
    order.rejects(order.log[-1])
    order.cancels()
    assert order.incidents == ["failed-after-pivot", "rejected"]


def test_only_a_person_gives_a_value_and_of_the_same_type_to_the_same_slot() -> None:
    order = placed("reserve_stock", "screen_fraud")
    slot = order.log[1].slot
    order.rejects(order.log[1])
    order.append("StockReserved", "zombie", slot, step="reserve_stock")
    order.append("StockRejected", "other type", slot, step="reserve_stock", by="ada")
    order.append("StockReserved", "other slot", "slot", step="reserve_stock", by="ada")
    assert order.incidents == ["rejected"]
    assert order.due == []


def test_a_value_that_two_could_not_read_is_one_incident() -> None:
    order = placed("reserve_stock")
    order.rejects(order.log[1])
    order.append("RecordRejected", "another", rejects="1")
    assert order.count("illegal") == 1
    order.answers("reserve_stock", "StockReserved", body="readable", by="ada")
    assert order.incidents == []


def test_an_undone_or_a_deadline_event_that_cannot_be_read_is_given_a_value() -> None:
    order = placed("reserve_stock", "screen_fraud")
    order.now += HOUR_MS
    order.coordinates()
    expired = order.log[-1]
    order.rejects(expired)
    assert order.incidents == ["rejected"]
    order.append("OrderExpired", "hers", body="readable", by="ada")
    assert order.incidents == []
    assert order.state.events["OrderExpired"].value == b"readable"
    order.skips("charge_payment")
    order.coordinates()
    slot = order.slot("release_stock")
    order.rejects(order.answers(slot, "StockReleased"))
    assert order.decided == []
    order.answers(slot, "StockReleased", body="readable", by="ada")
    assert order.goes_well() == ["SagaCompensated"]


def test_a_request_that_lands_behind_the_rejection_leaves_the_incident_open() -> None:
    order = placed("reserve_stock")
    order.answers("screen_fraud", "FraudFound")
    (request,) = order.says()
    order.rejects(order.log[1])
    order.append(request.type, request.id, undoes=request.undoes)
    assert order.incidents == ["rejected"]


# -- 9 and 10: deadlines and ends ------------------------------------------------------


def test_a_deadline_event_behind_a_failure_has_no_effect_and_is_no_stray() -> None:
    order = placed("reserve_stock")
    fraud = order.answers("screen_fraud", "FraudFound")
    order.append("OrderExpired", ids.coordinator_id("OrderExpired", "", order.log[0].id))
    assert "OrderExpired" not in order.state.events
    assert (order.count("strays"), order.count("illegal")) == (0, 0)
    assert order.state.failed_by == fraud.id


def test_a_saga_that_waits_for_somebody_outside_has_not_ended() -> None:
    confirm = step("confirm_order", "ShipmentBooked, CarrierCalled", "OrderConfirmed")
    order = placed(*TO_CONFIRM, spec=orders(confirm, without="confirm_order"))
    assert order.due == order.decided == []
    order.happens("CarrierCalled")
    assert order.goes_well() == ["OrderConfirmed", "SagaCompleted"]


def test_the_end_and_the_requests_of_a_failed_saga_name_what_failed_it() -> None:
    order = placed(*TO_CHARGE)
    order.answers("charge_payment", "PaymentDeclined")
    assert [say.reason for say in order.says()] == ["PaymentDeclined"]
    order.coordinates()
    order.answers("release_stock", "StockReleased")
    assert [say.reason for say in order.says()] == ["PaymentDeclined"]
