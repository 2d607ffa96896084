"""The shipped workflow, its thousand orders, and what its services say."""

from __future__ import annotations

import asyncio
import runpy
from collections import Counter
from pathlib import Path

from minuet import Context
from minuet.contracts.codec import Codec
from minuet.contracts.registry import LocalRegistry
from minuet.spec.project import load
from schemas.orders import (
    FraudCleared,
    OrderPlaced,
    PaymentCharged,
    ReleaseStock,
    StockReserved,
)
from streams.orders.book_shipment import book_shipment
from streams.orders.charge_payment import charge_payment
from streams.orders.reserve_stock import reserve_stock
from streams.orders.screen_fraud import screen_fraud
from streams.orders.simulated import (
    SimulatedFraudScreening,
    SimulatedPayments,
    SimulatedRefunds,
    SimulatedShipping,
    SimulatedWarehouse,
)

ROOT = Path(__file__).resolve().parents[3]
ORDERS = ROOT / "examples" / "orders.jsonl"


def test_the_workflow_is_the_one_of_the_table() -> None:
    workflow = load("orders", ROOT)
    assert sorted(workflow.steps) == [
        "book_shipment",
        "charge_payment",
        "confirm_order",
        "refund_payment",
        "release_stock",
        "request_refund",
        "reserve_stock",
        "screen_fraud",
    ]
    assert workflow.spec.pivot == "ShipmentBooked"
    assert workflow.spec.deadlines[0].within_ms == 30 * 60 * 1000
    assert workflow.steps["charge_payment"].spec.needs == (
        ("StockReserved",),
        ("FraudCleared",),
        ("OrderPlaced",),
    )


def test_every_resource_has_a_simulated_form() -> None:
    made = load("orders", ROOT).resources("simulated")
    assert {type(resource) for resource in made.values()} == {
        SimulatedFraudScreening,
        SimulatedPayments,
        SimulatedRefunds,
        SimulatedShipping,
        SimulatedWarehouse,
    }


def test_events_of_an_order_come_back_equal_from_the_wire() -> None:
    codec = Codec(load("orders", ROOT).models.values(), LocalRegistry())
    order = OrderPlaced.model_validate_json(ORDERS.read_text().splitlines()[0])
    request = ReleaseStock(saga_id="order-1", undoes="e", reason="r", reservation="shelf-1")
    for event in (order, PaymentCharged(receipt="r", amount=order.total), request):
        encoded = codec.encode(event)
        assert codec.decode(type(event).__name__, encoded.schema, encoded.value) == event


def test_the_file_holds_a_thousand_orders_with_a_key_each() -> None:
    orders = [OrderPlaced.model_validate_json(line) for line in ORDERS.read_text().splitlines()]
    assert len({order.order_id for order in orders}) == 1000


def test_the_file_is_what_its_script_writes(tmp_path: Path) -> None:
    script = runpy.run_path(str(ROOT / "examples" / "make_orders.py"))
    script["main"](1000, tmp_path / "orders.jsonl")
    assert (tmp_path / "orders.jsonl").read_text() == ORDERS.read_text()


def test_some_of_the_orders_fail_at_each_step() -> None:
    orders = [OrderPlaced.model_validate_json(line) for line in ORDERS.read_text().splitlines()]
    ends = Counter(asyncio.run(_fate(order)) for order in orders)
    assert set(ends) == {
        "StockRejected", "FraudFound", "PaymentDeclined", "ShipmentRefused", "ShipmentBooked",
    }  # fmt: skip
    assert min(ends.values()) >= 10
    assert ends["ShipmentBooked"] > 800


async def _fate(order: OrderPlaced) -> str:
    ctx = Context(order.order_id, order.order_id)
    reserved = await reserve_stock(order, SimulatedWarehouse(), ctx)
    cleared = await screen_fraud(order, SimulatedFraudScreening())
    if not isinstance(reserved, StockReserved):
        return type(reserved).__name__
    if not isinstance(cleared, FraudCleared):
        return type(cleared).__name__
    charged = await charge_payment(reserved, cleared, order, SimulatedPayments(), ctx)
    if not isinstance(charged, PaymentCharged):
        return type(charged).__name__
    return type(await book_shipment(charged, order, SimulatedShipping(), ctx)).__name__
