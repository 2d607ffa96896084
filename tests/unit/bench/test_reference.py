"""The reference saga: a chain of four, and every 20th order refused."""

from __future__ import annotations

import asyncio

from minuet.bench.reference.events import PaymentCharged, ShippingBooked, ShippingRefused
from minuet.bench.reference.saga import orders, workflow
from minuet.bench.reference.steps import book_shipping


def test_the_reference_saga_is_a_chain_of_four_with_two_undos() -> None:
    spec = workflow().spec
    assert spec.name == "reference"
    assert spec.log_topic == "reference.events"
    assert [step.name for step in spec.steps] == [
        "reserve_stock",
        "charge_payment",
        "book_shipping",
        "confirm_order",
        "refund_payment",
        "release_stock",
    ]
    assert all(len(step.needs) == 1 and not step.resources for step in spec.steps)


def test_every_twentieth_order_is_refused() -> None:
    said = [
        asyncio.run(book_shipping(PaymentCharged(number=order.number, receipt="r")))
        for order in orders(40)
    ]
    refused = [event.number for event in said if isinstance(event, ShippingRefused)]
    assert refused == [20, 40]
    assert sum(isinstance(event, ShippingBooked) for event in said) == 38


def test_orders_are_numbered_and_keyed() -> None:
    assert [order.order_id for order in orders(2, first=7)] == ["order-7", "order-8"]
