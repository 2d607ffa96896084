"""What each event changed, and why a step did not run."""

from __future__ import annotations

from minuet.inspection.explaining import Explained, explain
from minuet.inspection.history import History, fold
from tests.unit.core.story import MINUTE_MS, ORDERS, TO_CHARGE, TO_CONFIRM, Story, failed, placed


def explained(order: Story) -> list[Explained]:
    notes, state = fold(order.plan, order.log)
    return explain(order.plan, History(order.key, 0, order.log, notes, state))


def why(order: Story, step: str) -> tuple[str, str]:
    """How it is with a step at the end of a story."""
    found = {each.step: each for each in explained(order)[-1].steps}[step]
    return found.kind, found.why


def test_each_event_says_what_it_changed_and_what_became_due() -> None:
    began, reserved, cleared = explained(placed(*TO_CHARGE))
    assert (began.before, began.after) == ("early", "running")
    assert began.changes == [
        "the saga is running",
        "OrderPlaced is effective",
        "a deadline runs: OrderExpired at 2023-11-14T22:43:20.001Z",
    ]
    assert began.due == ["reserve_stock", "screen_fraud"]
    assert reserved.changes == ["StockReserved is effective", "reserve_stock is answered"]
    assert reserved.due == []
    assert cleared.due == ["charge_payment"]


def test_a_step_lacks_is_due_is_answered() -> None:
    order = placed("reserve_stock")
    assert why(order, "charge_payment") == ("lacks", "lacks FraudCleared")
    assert why(order, "screen_fraud") == ("due", "due since OrderPlaced (#0)")
    assert why(order, "reserve_stock") == ("answered", "answered by StockReserved (#1)")
    assert why(order, "release_stock") == ("not-asked", "nobody has asked for it by ReleaseStock")


def test_a_step_waits_parks_and_is_resumed() -> None:
    order = placed()
    order.waits("reserve_stock", 3, order.now + MINUTE_MS)
    kind, words = why(order, "reserve_stock")
    assert kind == "waiting"
    assert words.startswith("waits until 2023-11-14T22:14:20")
    assert words.endswith("after 3 attempts")
    gave_up = order.gives_up("screen_fraud")
    last = explained(order)[-1]
    assert last.changes == [
        "screen_fraud gave up at attempt 1: it waits for a person",
        "an incident opens: gave-up of screen_fraud",
    ]
    assert why(order, "screen_fraud")[0] == "parked"
    order.resumes("screen_fraud", gave_up)
    assert explained(order)[-1].changes == [
        "screen_fraud was resumed by a person",
        "an incident is closed: gave-up of screen_fraud",
    ]


def test_what_came_second_or_twice_says_what_was_first() -> None:
    order = placed("reserve_stock")
    order.answers("reserve_stock", "StockRejected")
    order.again(order.log[1])
    order.again(order.log[1], body="other")
    second, again, other = explained(order)[2:]
    assert second.changes == ["it came second: its slot is answered by StockReserved (#1)"]
    assert again.changes == [
        "its id was there before (#1), with the same content: the first one stands"
    ]
    assert "other content" in other.changes[0]
    outside = placed("reserve_stock")
    outside.append("FraudCleared", "x", "s", step="screen_fraud", causes="unknown")
    assert explained(outside)[-1].changes == ["it came second: a cause of it is not effective"]


def test_a_step_whose_outcome_has_happened_otherwise_does_not_act_again() -> None:
    order = placed(*TO_CHARGE)
    causes = f"{order.log[1].id},{order.log[2].id}"
    order.append("PaymentCharged", "y", "renamed", step="pay", causes=causes)
    assert why(order, "charge_payment") == (
        "excluded",
        "not again: PaymentCharged (#3) is effective",
    )


def test_in_a_failing_saga_nothing_forward_begins_and_undos_are_told() -> None:
    order = failed(*TO_CHARGE, "charge_payment")
    assert explained(order)[-1].says == ["RefundPayment"]
    kind, words = why(order, "confirm_order")
    assert (kind, words) == ("failing", "the saga fails by SagaCancelled (#4): it is not begun")
    assert why(order, "book_shipment")[0] == "in-doubt"
    order.coordinates()
    last = explained(order)[-1]
    assert last.changes == ["RefundPayment asks for an undo"]
    assert last.due == ["refund_payment"]
    order.goes_well()
    undone = next(e for e in explained(order) if "PaymentRefunded ends an undo" in e.changes)
    assert {each.step: each.kind for each in undone.steps}["refund_payment"] == "undone"


def test_a_value_that_cannot_be_read_is_told() -> None:
    order = placed("reserve_stock")
    order.rejects(order.log[1])
    order.answers("screen_fraud", "FraudCleared")
    assert why(order, "charge_payment") == ("unreadable", "StockReserved (#1) cannot be read")


def test_the_end_says_that_the_saga_rests_and_nothing_that_is_forgotten() -> None:
    order = placed(*TO_CONFIRM)
    order.goes_well()
    found = explained(order)
    assert found[-1].changes == [
        "the saga is completed",
        "nothing is left to do: the saga rests, and keeps the ids of its events alone",
    ]
    assert found[-1].steps == []
    order.again(order.log[0])
    assert "its id was there before (#0)" in explained(order)[-1].changes[0]


def test_an_event_before_the_begin_event_is_held() -> None:
    order = Story(ORDERS)
    order.append("SagaCancelled", "c", by="ada")
    order.begins()
    held, began = explained(order)
    assert held.changes == ["SagaCancelled is held until the saga begins"]
    assert (held.steps, began.after) == ([], "failing")
