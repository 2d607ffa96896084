from __future__ import annotations

from minuet.inspection.history import History, fold
from minuet.inspection.standing import Standing, standing
from tests.unit.core.story import MINUTE_MS, TO_CHARGE, Story, failed, placed


def history(order: Story) -> History:
    notes, state = fold(order.plan, order.log)
    return History(order.key, 0, order.log, notes, state)


def stands(order: Story) -> Standing:
    return standing(order.plan, history(order), order.now)


def test_what_is_due_and_what_is_lacking() -> None:
    found = stands(placed("reserve_stock"))
    assert [(task.step, task.state) for task in found.tasks] == [("screen_fraud", "due")]
    assert [(each.step, each.lacks) for each in found.lacking] == [
        ("charge_payment", ("FraudCleared",)),
        ("book_shipment", ("PaymentCharged",)),
    ]
    assert [deadline.type for deadline in found.deadlines] == ["OrderExpired"]


def test_a_step_that_waits_and_one_that_is_parked() -> None:
    order = placed()
    order.waits("reserve_stock", 3, order.now + MINUTE_MS)
    order.gives_up("screen_fraud")
    found = stands(order)
    assert [(task.step, task.state, bool(task.until)) for task in found.tasks] == [
        ("reserve_stock", "waiting", True),
        ("screen_fraud", "parked", False),
    ]
    assert found.tasks[0].attempts == 3
    assert [incident.kind for incident in found.incidents] == ["gave-up"]


def test_a_failing_saga_says_what_is_undone_and_what_the_coordinator_will_say() -> None:
    order = failed(*TO_CHARGE, "charge_payment")
    found = stands(order)
    assert (found.status, found.failed_by) == ("failing", "SagaCancelled")
    assert found.coordinator_says == ["RefundPayment"]
    order.coordinates()
    assert [(each.outcome, each.state) for each in stands(order).undoing] == [
        ("PaymentCharged", "asked"),
        ("StockReserved", ""),
    ]


def test_an_ended_saga_still_tells_what_happened() -> None:
    order = placed()
    order.goes_well()
    found = stands(order)
    assert found.status == "completed"
    assert [event.type for event in found.events][-1] == "SagaCompleted"
    assert found.tasks == []


def test_a_record_without_effect_is_counted_and_did_not_happen() -> None:
    order = placed()
    order.again(order.log[0])
    assert history(order).notes == ["", "duplicates"]
    assert [event.type for event in stands(order).events] == ["OrderPlaced"]
