"""Rule 4: what may have taken effect and has not answered."""

from __future__ import annotations

import pytest

from minuet.core.due import Ahead, Doubt, doubt, due
from minuet.core.state import Entry, Place
from minuet.spec.model import Spec
from tests.unit.core.story import (
    HOUR_MS,
    TO_CHARGE,
    TO_SHIP,
    Story,
    failed,
    orders,
    placed,
    step,
)

# -- 4: in doubt -----------------------------------------------------------------------


def test_a_failing_saga_does_not_end_before_every_step_in_doubt_has_answered() -> None:
    order = failed()
    assert order.in_doubt == ["reserve_stock", "screen_fraud"]
    assert order.decided == []
    order.answers("reserve_stock", "StockRejected", late=True)
    order.skips("screen_fraud")
    assert order.decided == ["SagaCompensated"]


def test_what_was_read_behind_the_failure_cannot_have_been_started() -> None:
    order = failed("reserve_stock")
    order.skips("screen_fraud")
    order.happens("FraudCleared", "outside")  # of no step: counted, not a cause
    assert order.in_doubt == []


@pytest.mark.parametrize(
    ("policy", "name", "choice"),
    [("ask", "charge_payment", Doubt.RUN), ("park", "charge_payment", Doubt.PARK)],
)
def test_a_step_says_how_its_doubt_is_settled(policy: str, name: str, choice: Doubt) -> None:
    other = step(
        name, "StockReserved, FraudCleared", "PaymentCharged | PaymentDeclined", in_doubt=policy
    )
    order = failed(*TO_CHARGE, spec=orders(other, without=name))
    slot = order.slot(name)
    assert doubt(slot, owned_since=100, started=False) is choice
    assert doubt(slot, owned_since=0, started=True) is choice
    assert doubt(slot, owned_since=0, started=False) is Doubt.SKIP


def test_a_slot_that_was_tried_is_never_skipped() -> None:
    order = placed(*TO_CHARGE)
    order.waits("charge_payment", 1, until=order.now)
    order.cancels()
    assert doubt(order.slot("charge_payment"), owned_since=0, started=False) is Doubt.RUN


def test_a_parked_pivot_runs_again_when_a_person_who_knows_of_the_failure_says_so() -> None:
    order = placed(*TO_SHIP)
    gave_up = order.gives_up("book_shipment")
    order.resumes("book_shipment", gave_up)
    order.cancels()
    slot = order.slot("book_shipment")
    assert doubt(slot, owned_since=0, started=False) is Doubt.PARK
    gave_up = order.gives_up("book_shipment", slot.attempt + 1)
    assert "book_shipment" not in order.due
    order.resumes("book_shipment", gave_up)
    order.waits("book_shipment", 3, until=order.now)
    order.crash()
    assert doubt(order.slot("book_shipment"), owned_since=0, started=False) is Doubt.RUN


def perhaps() -> Spec:
    """A reservation that can be undone without knowing whether it took effect."""
    says = "StockReserved | StockRejected"
    reserve = step("reserve_stock", "OrderPlaced", says, in_doubt="undo")
    return orders(reserve, without="reserve_stock")


def test_a_doubt_that_can_be_undone_unseen_is_undone_and_not_run() -> None:
    order = failed("screen_fraud", spec=perhaps())
    key = order.slot("reserve_stock").id
    assert order.in_doubt == ["reserve_stock"]
    assert order.due == []
    assert order.coordinates() == ["ReleaseStock"]
    assert order.decided == []
    (slot,) = order.due_slots
    assert slot.undoes == key
    order.crash()
    order.answers("release_stock", "StockReleased")
    assert order.in_doubt == []
    assert order.decided == ["SagaCompensated"]


def test_an_outcome_behind_its_unseen_undo_is_undone_by_itself() -> None:
    order = failed("screen_fraud", spec=perhaps())
    slot = order.slot("reserve_stock")
    order.coordinates()
    order.answers("release_stock", "StockReleased")
    reserved = order.answers(slot, "StockReserved")
    assert list(order.state.strays) == [reserved.id]
    assert order.decided == ["ReleaseStock"]


def test_nothing_follows_from_a_late_outcome() -> None:
    order = failed("screen_fraud")
    order.answers("reserve_stock", "StockReserved", late=True)
    assert order.in_doubt == order.due == []
    order.crash()
    assert order.in_doubt == order.due == []


def test_a_slot_that_the_log_knows_of_cannot_be_skipped_but_by_a_person() -> None:
    order = placed(*TO_CHARGE)
    order.waits("charge_payment", 1, until=order.now + HOUR_MS)
    order.cancels()
    slot = order.slot("charge_payment").id
    order.append("StepSkipped", "zombie", slot, step="charge_payment")
    assert order.in_doubt == ["charge_payment"]
    order.append("StepSkipped", "person", slot, step="charge_payment", by="ada")
    assert order.in_doubt == []


def test_ahead_of_what_was_read_no_step_with_alternatives_is_due() -> None:
    order = Story(orders(step("pack", "StockReserved | FraudCleared", "Packed")))
    order.begins()
    own = order.slot("screen_fraud")
    entry = Entry("own", "FraudCleared", 15, order.now, "", Place.EFFECTIVE, own.id)
    ahead = Ahead({"FraudCleared": entry}, order.plan.bits["FraudCleared"])
    names = [slot.step.name for slot in due(order.plan, order.state, order.now, ahead)]
    assert names == ["reserve_stock"]  # an unread StockReserved may stand before 15
    order.answers("reserve_stock", "StockReserved")
    packs = next(s for s in due(order.plan, order.state, order.now, ahead) if s.step.name == "pack")
    assert [cause.type for cause in packs.causes] == ["StockReserved"]
