"""Rules 9, 10 and 11: deadlines, the end and what comes after it, illegal transitions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from minuet.core.due import FOREVER, next_timer
from minuet.core.outcomes import CLOCKS_APART_MS
from minuet.core.row import peek
from minuet.core.table import Table
from minuet.event.record import Record
from tests.unit.core.story import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    ORDERS,
    TO_CHARGE,
    TO_CONFIRM,
    TO_SHIP,
    Story,
    orders,
    placed,
    step,
)

# -- 9: deadlines ----------------------------------------------------------------------


def test_a_deadline_fires_by_log_time_and_fails_the_saga() -> None:
    order = placed("reserve_stock")
    order.now += 30 * MINUTE_MS
    assert order.coordinates() == ["OrderExpired"]
    assert order.status == "failing"
    assert order.decided == ["ReleaseStock"]


def test_a_deadline_event_of_a_fast_clock_has_no_effect_and_the_same_in_its_time_has() -> None:
    order = placed("reserve_stock")
    order.now += 30 * MINUTE_MS
    (early,) = order.says()
    order.now -= CLOCKS_APART_MS + 1_000
    order.append(early.type, early.id, notbefore=str(early.not_before))
    assert order.status == "running"
    assert order.state.counts == {"illegal": 1}
    order.now += CLOCKS_APART_MS + 1_000
    assert order.coordinates() == ["OrderExpired"]
    assert order.status == "failing"
    assert order.state.counts == {"illegal": 1}


def test_clocks_may_differ_a_little() -> None:
    order = placed("reserve_stock")
    order.now += 30 * MINUTE_MS
    (early,) = order.says()
    order.now -= CLOCKS_APART_MS // 2
    order.append(early.type, early.id, notbefore=str(early.not_before))
    assert order.status == "failing"


def test_a_deadline_is_off_once_its_unless_has_happened() -> None:
    order = placed(*TO_CONFIRM)
    order.now += HOUR_MS
    assert order.decided == []
    assert next_timer(order.plan, order.state) == FOREVER
    order.happens("OrderExpired")
    assert order.status == "running"
    assert order.incidents == []


def test_a_deadline_that_stands_before_its_unless_wins() -> None:
    order = placed(*TO_SHIP)
    order.now += HOUR_MS
    order.coordinates()
    order.answers("book_shipment", "ShipmentBooked")
    assert order.status == "failing"
    assert order.incidents == ["irreversible"]


def test_no_deadline_runs_once_the_saga_has_what_completes_it() -> None:
    spec = orders(step("send_survey", "OrderPlaced", "SurveySent"))
    spec = replace(spec, deadlines=(replace(spec.deadlines[0], unless="SurveySent"),))
    order = placed(*TO_CONFIRM, "confirm_order", spec=spec)
    order.now += HOUR_MS
    assert order.decided == []
    assert order.incidents == []


# -- 10: the end -----------------------------------------------------------------------


def test_a_saga_completes_only_when_every_due_slot_has_answered() -> None:
    order = placed(
        *TO_CONFIRM, "confirm_order", spec=orders(step("thank", "OrderPlaced", "CustomerThanked"))
    )
    assert order.decided == []
    order.gives_up("thank")
    assert order.decided == []
    order.answers("thank", "CustomerThanked", by="ada")
    assert order.coordinates() == ["SagaCompleted"]
    assert order.status == "completed"


@pytest.mark.parametrize("end", ["SagaCompleted", "SagaCompensated"])
def test_an_end_out_of_place_is_illegal(end: str) -> None:
    order = placed("reserve_stock")
    order.append(end, "end")
    assert order.status == "running"
    assert order.count("illegal") == 1


@pytest.mark.parametrize("begin", ["", "3f2504e0-4f89-11d3-9a0c-0305e82c3301"])
@pytest.mark.parametrize("refused", [True, False])
def test_an_ended_order_is_kept_in_under_100_bytes(begin: str, refused: bool) -> None:
    order = Story()
    order.append(
        "OrderPlaced", begin or "b", workflowversion="a" * 16, traceparent="00-" + "a" * 52
    )
    order.goes_well(**({"book_shipment": "ShipmentRefused"} if refused else {}))
    row = order.row()
    assert len(row) < 100
    assert peek(row)[1:] == (order.state.status, order.now, True)


def test_an_ended_saga_knows_what_it_folded_and_takes_the_rest_for_strays() -> None:
    order = placed(*TO_CHARGE)
    slot = order.slot("charge_payment")
    order.goes_well()
    order.crash()
    for record in list(order.log):
        order.again(record)
    assert order.count("duplicates") == len(order.log) // 2
    order.begins(body="other content")
    assert order.count("conflicts") == 1
    order.answers(slot, "PaymentDeclined")
    assert order.count("strays") == 1
    assert order.state.seen == {}


def test_a_slot_that_gives_up_after_the_end_is_no_incident() -> None:
    order = placed()
    slot = order.slot("reserve_stock").id
    order.goes_well(reserve_stock="StockRejected")
    order.tries("StepGaveUp", "reserve_stock", 3, slot=slot)
    assert order.incidents == []
    assert order.state.seen == {}


def test_an_undo_of_a_stray_after_the_end_waits_gives_up_and_is_resumed() -> None:
    order = placed()
    order.goes_well()
    order.append("StockReserved", "stray", "other slot")
    order.coordinates()
    order.waits("release_stock", 1, until=order.now + HOUR_MS)
    assert order.due == []
    gave_up = order.gives_up("release_stock", 2)
    order.now += 9 * DAY_MS
    order.again(order.log[0])  # an open undo outlives the horizon
    assert order.incidents == ["gave-up"]
    order.resumes("release_stock", gave_up)
    assert order.goes_well() == ["StockReleased"]
    assert order.incidents == []


def test_a_stray_of_an_ended_saga_whose_undo_needs_more_is_an_incident() -> None:
    refund = step("refund_payment", "RefundPayment, PaymentCharged, OrderPlaced", "PaymentRefunded")
    order = placed(spec=orders(refund, without="refund_payment"))
    order.goes_well()
    stray = order.append("PaymentCharged", "stray", "other slot")
    assert order.incidents == ["undo-impossible"]
    assert order.decided == []
    order.skips_undo(stray.id)
    assert order.incidents == []
    assert order.state.seen == {}


def test_an_ended_saga_is_forgotten_after_its_horizon_of_log_time() -> None:
    order = placed()
    order.goes_well()
    order.row()
    assert order.table.over() == []
    tick(order.table, order.now + 6 * DAY_MS)
    assert order.table.over() == []
    tick(order.table, order.now + 8 * DAY_MS)
    assert [state.saga_id for state in order.table.over()] == [order.key]
    order.table.forget(order.key)
    assert order.table.get(order.key) is None


def tick(table: Table, time: int) -> None:
    """Some other saga moves the log's time on."""
    table.fold(Record("other", 1_000, time, "o", "OrderPlaced", "", b"", {}))


def test_an_early_event_becomes_a_dead_letter_after_a_day() -> None:
    order = Story()
    webhook = order.happens("PaymentWebhook")
    order.row()
    assert order.table.over() == []
    tick(order.table, order.now + 2 * DAY_MS)
    (over,) = order.table.over()
    assert [entry.id for entry in over.held] == [webhook.id]


def test_an_early_event_of_a_key_that_begins_two_days_later_is_given_back() -> None:
    order = Story()
    order.happens("PaymentWebhook")
    order.now += 2 * DAY_MS
    order.begins()
    assert "PaymentWebhook" not in order.state.events
    assert [len(state.held) for state in order.table.over()] == [1]
    assert order.rebuilt().events.keys() == order.state.events.keys()


def test_early_events_happen_after_their_begin_in_their_order() -> None:
    order = Story()
    order.happens("FraudReported")
    order.append("SagaCancelled", "c")
    order.append("StepGaveUp", "g", "slot")
    order.begins()
    assert order.status == "failing"
    assert list(order.state.events) == ["OrderPlaced", "FraudReported", "SagaCancelled"]
    assert order.incidents == []
    assert order.in_doubt == []  # who read the begin had read the cancel
    order.crash()
    assert order.goes_well() == ["SagaCompensated"]


# -- 11: nothing is raised -------------------------------------------------------------


def test_any_type_in_any_state_is_folded_without_an_error() -> None:
    types = [*ORDERS_TYPES, "StepRetrying", "StepGaveUp", "StepSkipped", "StepResumed"]
    types += ["RecordRejected", "SagaCancelled", "SagaCompleted", "SagaCompensated", "SagaRedone"]
    for start in ((), TO_CHARGE, TO_CONFIRM):
        for event_type in [*types, "Unheard"]:
            order = placed(*start)
            order.append(event_type, "x", "some slot", undoes="something", rejects="99")
            order.append(event_type, "y")
            order.crash()
            assert order.state.log_offset == len(order.log) - 1


ORDERS_TYPES = sorted({said for s in ORDERS.steps for said in s.says} | set(ORDERS.fails))
