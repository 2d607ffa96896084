"""Histories that earlier forms of the design got wrong, from parked slots to ends.

Each is one saga's log, told twice: to a state that stays, and to one that goes through its row
after each record, as if the owner died there.
"""

from __future__ import annotations

import pytest

from minuet.core.decide import decide
from minuet.core.due import Doubt, doubt
from minuet.core.plan import compile_plan
from minuet.event import ids
from minuet.spec.model import Spec
from tests.unit.core.story import DAY_MS, HOUR_MS, ORDERS, Story, orders, step


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


# -- parked ----------------------------------------------------------------------------


@pytest.mark.parametrize("failure", ["FraudFound", "OrderExpired"])
def test_a_parked_charge_does_not_hold_up_a_failure_but_the_end(failure: str) -> None:
    spec = orders(step("charge_deposit", "OrderPlaced", "DepositPaid"))
    order = Story(spec)
    order.begins()
    order.gives_up("charge_deposit", 6)
    if failure == "FraudFound":
        of(order, "reserve_stock")
        order.answers("screen_fraud", "FraudFound")
    else:
        of(order, "reserve_stock", "screen_fraud")
        order.now += HOUR_MS
        assert order.coordinates() == ["OrderExpired"]
        order.skips("charge_payment")
    assert order.status == "failing"
    assert order.goes_well() == ["ReleaseStock", "StockReleased"]
    assert order.incidents == ["gave-up"]
    order.answers("charge_deposit", "DepositPaid", by="ada")
    assert order.goes_well() == ["SagaCompensated"]


def test_a_running_sagas_step_cannot_be_skipped(order: Story) -> None:
    of(order, "reserve_stock", "screen_fraud")
    order.gives_up("charge_payment")
    order.skips("charge_payment")
    assert order.count("illegal") == 1
    assert order.incidents == ["gave-up"]  # it does not wait for ever without an incident


# -- the duplicate horizon; unknown sagas ----------------------------------------------


def test_a_live_table_and_a_rebuilt_one_agree_on_a_file_published_again(order: Story) -> None:
    order.goes_well()
    order.now += 8 * DAY_MS  # log time; nobody dropped the row
    order.again(order.log[0])
    assert order.status == "running"
    assert order.rebuilt().status == order.state.status
    assert order.due == ["reserve_stock", "screen_fraud"]


def test_a_webhook_before_its_order_is_held(order: Story) -> None:
    early = Story(packed=order.packed)
    webhook = early.happens("PaymentWebhook")
    assert early.status == "early"
    assert early.due == early.decided == []
    assert [entry.id for entry in early.state.held] == [webhook.id]
    early.begins()
    assert early.status == "running"
    assert "PaymentWebhook" in early.state.events


def test_two_files_with_one_order_id_begin_one_order(order: Story) -> None:
    order.begins()
    order.begins(body="another content")
    assert order.count("duplicates") == 1
    assert order.count("conflicts") == 1
    assert order.state.events["OrderPlaced"].value == b"OrderPlaced"


# -- bad bytes -------------------------------------------------------------------------


def test_bad_bytes_are_folded_alike_by_every_version_and_run_nothing_again(order: Story) -> None:
    reserved = order.answers("reserve_stock", "StockReserved")
    of(order, "screen_fraud")
    order.rejects(reserved)
    assert order.due == []  # neither the charge, which needs it, nor the reservation again
    assert order.incidents == ["rejected"]
    assert order.rebuilt().incidents.keys() == order.state.incidents.keys()


# -- the undo of a stray ---------------------------------------------------------------


def test_a_good_and_a_stray_charge_are_both_refunded_each_with_its_own_bytes(order: Story) -> None:
    of(order, "reserve_stock", "screen_fraud")
    slot = order.slot("charge_payment")
    good = order.answers(slot, "PaymentCharged", body="good")
    stray = order.append("PaymentCharged", "stray", slot=slot.id, step="charge_payment", body="bad")
    order.answers("book_shipment", "ShipmentRefused")
    assert sorted(order.coordinates()) == ["RefundPayment", "RefundPayment"]
    charged = {slot.undoes: slot.causes[1].value for slot in order.due_slots}
    assert charged == {good.id: b"good", stray.id: b"bad"}
    order.goes_well()
    assert order.status == "compensated"


def test_a_stray_decline_does_not_fail_the_saga(order: Story) -> None:
    of(order, "reserve_stock", "screen_fraud")
    slot = order.slot("charge_payment")
    order.answers(slot, "PaymentCharged")
    order.answers(slot, "PaymentDeclined")
    assert order.status == "running"
    assert order.count("strays") == 1
    order.goes_well()
    assert order.status == "completed"


def test_the_stray_charge_of_a_completed_saga_is_refunded(order: Story) -> None:
    of(order, "reserve_stock", "screen_fraud")
    slot = order.slot("charge_payment")
    order.goes_well()
    order.append("PaymentCharged", "stray", slot=slot.id, step="charge_payment", body="twice")
    assert order.goes_well() == ["RefundPayment", "PaymentRefunded"]
    assert order.status == "completed"
    assert order.state.seen == {}  # at rest again


# -- ids of platform events ------------------------------------------------------------


def test_each_retry_has_an_id_of_its_own(order: Story) -> None:
    first = order.waits("reserve_stock", 1, until=order.now + 1)
    order.now += 10
    second = order.waits("reserve_stock", 2, until=order.now + HOUR_MS)
    assert first.id != second.id
    assert order.due == ["screen_fraud"]


def test_giving_up_after_a_resume_is_an_incident_again(order: Story) -> None:
    gave_up = order.gives_up("reserve_stock", 6)
    order.resumes("reserve_stock", gave_up)
    assert order.incidents == []
    attempt = order.slot("reserve_stock").attempt + 1
    order.gives_up("reserve_stock", attempt)
    assert order.incidents == ["gave-up"]


def test_a_redo_makes_new_slots_of_the_same_causes(order: Story) -> None:
    before = order.slot("reserve_stock").id
    order.goes_well(reserve_stock="StockRejected")
    order.redoes()
    assert order.slot("reserve_stock").id != before
    assert order.slot("reserve_stock").causes[0].id == order.log[0].id


# -- running again to learn, and StepSkipped -------------------------------------------


def test_a_shipment_that_timed_out_is_not_booked_again_for_an_expired_order(order: Story) -> None:
    of(order, "reserve_stock", "screen_fraud", "charge_payment")
    order.waits("book_shipment", 1, until=order.now + 1)
    order.now += HOUR_MS
    assert order.coordinates() == ["OrderExpired"]
    assert order.in_doubt == ["book_shipment"]
    assert doubt(order.slot("book_shipment"), owned_since=0, started=False) is Doubt.PARK


def test_a_new_owner_does_not_skip_what_an_earlier_owner_may_have_started(order: Story) -> None:
    of(order, "reserve_stock", "screen_fraud")  # A charges, and dies; B is assigned at 3
    order.cancels()
    slot = order.slot("charge_payment")
    assert doubt(slot, owned_since=3, started=False) is Doubt.RUN
    assert doubt(slot, owned_since=2, started=False) is Doubt.SKIP
    assert doubt(slot, owned_since=2, started=True) is Doubt.RUN


# -- a renamed step, a changed join ----------------------------------------------------


def deployed(order: Story, spec: Spec) -> Story:
    """The same log, read by another version of the workflow."""
    now = Story(spec, now=order.now)
    now.log = order.log
    for record in order.log:
        now.table.fold(record)
    return now


@pytest.mark.parametrize("change", ["renamed", "another join"])
def test_a_charge_is_not_made_again_by_another_version(order: Story, change: str) -> None:
    of(order, "reserve_stock", "screen_fraud", "charge_payment")
    needs = "StockReserved, OrderPlaced"
    name = "charge_payment" if change == "another join" else "take_money"
    other = orders(step(name, needs, "PaymentCharged | PaymentDeclined"), without="charge_payment")
    assert deployed(order, other).due == ["book_shipment"]


def test_of_two_alternatives_the_first_in_the_log_is_taken_and_the_other_changes_nothing() -> None:
    spec = orders(step("pack", "StockReserved | FraudCleared", "Packed"))
    order = Story(spec)
    order.begins()
    of(order, "screen_fraud")
    key = order.slot("pack").id
    of(order, "reserve_stock")
    assert order.slot("pack").id == key
    of(order, "pack")
    assert "pack" not in order.due
    order.crash()
    assert "pack" not in order.due


# -- ends ------------------------------------------------------------------------------


def test_a_receipt_that_was_running_when_the_saga_ended_is_sent_after_a_crash() -> None:
    order = Story(orders(step("send_receipt", "SagaCompleted, OrderConfirmed", "ReceiptSent")))
    order.begins()
    of(order, "reserve_stock", "screen_fraud", "charge_payment", "book_shipment", "confirm_order")
    assert order.coordinates() == ["SagaCompleted"]
    order.crash()
    (slot,) = order.due_slots
    assert slot.step.name == "send_receipt"
    assert [cause.value for cause in slot.causes] == [b"SagaCompleted", b"OrderConfirmed"]
    of(order, "send_receipt")
    assert order.due == []
    assert len(order.row()) < 100


def test_a_resent_charge_of_a_completed_saga_is_a_duplicate(order: Story) -> None:
    order.goes_well()
    charge = next(record for record in order.log if record.type == "PaymentCharged")
    order.again(charge)
    assert order.count("duplicates") == 1
    assert order.decided == []


# -- whose clock, whose race -----------------------------------------------------------


def test_an_expiry_behind_the_shipment_has_no_effect(order: Story) -> None:
    of(order, "reserve_stock", "screen_fraud", "charge_payment")
    order.now += HOUR_MS
    (expired,) = order.says()  # decided by a coordinator that has not read the shipment
    of(order, "book_shipment")
    order.append(expired.type, expired.id)
    assert order.status == "running"
    assert order.incidents == []
    order.goes_well()
    assert order.status == "completed"


def test_a_deadline_waits_until_all_before_it_has_been_read(order: Story) -> None:
    when = order.log[0].time + HOUR_MS
    assert decide(order.plan, order.state, when - HOUR_MS) == []
    assert [say.type for say in decide(order.plan, order.state, when)] == ["OrderExpired"]


def test_last_months_ce_time_expires_nothing(order: Story) -> None:
    late = Story(packed=order.packed)
    late.append("OrderPlaced", "b", time="2020-01-01T00:00:00Z")
    assert late.decided == []


# -- an answer that cannot be read -----------------------------------------------------


def test_an_unreadable_charge_of_a_failing_saga_is_not_forgotten(order: Story) -> None:
    of(order, "reserve_stock", "screen_fraud")
    charged = order.answers("charge_payment", "PaymentCharged")
    order.rejects(charged)
    order.cancels()
    assert order.incidents == ["rejected"]  # an undo needs it: a cancel does not close it
    order.skips("book_shipment")  # its owner never started it
    assert order.goes_well() == []
    assert order.status == "failing"
    order.answers("charge_payment", "PaymentCharged", body="readable", by="ada")
    assert order.goes_well() == [
        "RefundPayment", "PaymentRefunded", "ReleaseStock", "StockReleased", "SagaCompensated",
    ]  # fmt: skip


def test_an_unreadable_reservation_does_not_open_its_slot_again(order: Story) -> None:
    reserved = order.answers("reserve_stock", "StockReserved")
    order.rejects(reserved)
    order.again(reserved)
    assert "reserve_stock" not in order.due
    assert order.incidents == ["rejected"]
    order.answers("reserve_stock", "StockReserved", body="readable", by="ada")
    order.goes_well()
    assert order.status == "completed"
    assert ids.answer_id(order.slot("reserve_stock").id, "StockReserved") == reserved.id


def test_the_orders_plan_knows_what_is_beyond_the_pivot() -> None:
    plan = compile_plan(ORDERS)
    assert plan.beyond_pivot == {"ShipmentBooked", "OrderConfirmed"}
    assert [name for name, s in plan.steps.items() if s.irreversible] == [
        "book_shipment", "confirm_order",
    ]  # fmt: skip
