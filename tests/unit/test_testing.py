from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from minuet.errors import UsageError
from minuet.spec.assemble import Workflow
from minuet.spec.project import load
from minuet.testing import run
from schemas.orders import OrderPlaced, PaymentCharged, ShipmentBooked, StockRejected
from streams.orders.resources import Payments
from streams.shop import Answer

ROOT = Path(__file__).resolve().parents[2]


class Away:
    """A bank that does not answer."""

    async def charge(self, order_id: str, card: str, amount: Decimal, *, key: str) -> Answer:
        message = "away"
        raise ConnectionError(message)


@pytest.fixture(scope="module")
def orders() -> Workflow:
    return load("orders", ROOT)


def order(quantity: int = 1) -> OrderPlaced:
    return OrderPlaced(
        order_id="o-1", customer="ada", sku="pen", quantity=quantity, total=Decimal("9.90"),
        card="4111", country="DE",
    )  # fmt: skip


def test_the_story_is_what_the_log_has(orders: Workflow) -> None:
    story = run(orders, [order()])["o-1"]
    assert story.status == "completed"
    assert story.incidents == ()
    assert story.types[0] == "OrderPlaced"
    assert story.types[-1] == "SagaCompleted"
    assert story.said(ShipmentBooked).tracking.startswith("parcel-")
    with pytest.raises(LookupError, match="o-1: no StockRejected happened, but OrderPlaced, "):
        story.said(StockRejected)


def test_a_resource_of_the_test_takes_the_place_of_the_simulated_one(orders: Workflow) -> None:
    story = run(orders, [order()], resources={Payments: Away()})["o-1"]
    assert story.status == "failing"
    assert story.incidents == ("charge_payment: ConnectionError: away",)
    assert "StepRetrying" in story.types
    assert "OrderExpired" in story.types
    assert PaymentCharged.__name__ not in story.types
    assert run(orders, [order()])["o-1"].status == "completed", "only that run has it"


def test_a_resource_that_no_step_takes_is_refused(orders: Workflow) -> None:
    with pytest.raises(UsageError, match="no step of orders takes a Away; they take: FraudScr"):
        run(orders, [order()], resources={Away: Away()})


def test_a_workflow_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert run("orders", [order(quantity=21)])["o-1"].said(StockRejected).reason
