"""The table of the reference saga, and the workflow that it makes with its steps."""

from __future__ import annotations

from minuet.bench.reference import steps
from minuet.bench.reference.events import (
    OrderConfirmed,
    OrderPlaced,
    PaymentCharged,
    PaymentRefunded,
    RefundPayment,
    ReleaseStock,
    ShippingBooked,
    ShippingRefused,
    StockReleased,
    StockReserved,
)
from minuet.saga import Saga, Undo
from minuet.spec.assemble import Workflow, assemble
from minuet.step import definition_of

reference = Saga(
    "reference",
    key="order_id",
    begins=OrderPlaced,
    pivot=ShippingBooked,
    completes=OrderConfirmed,
    fails=(ShippingRefused,),
    undo=(
        Undo(StockReserved, ReleaseStock, StockReleased),
        Undo(PaymentCharged, RefundPayment, PaymentRefunded),
    ),
)


def workflow() -> Workflow:
    """The reference workflow, assembled."""
    definitions = (definition_of(value) for value in vars(steps).values())
    return assemble(reference, [found for found in definitions if found is not None])


def orders(count: int, first: int = 1) -> list[OrderPlaced]:
    """Begin events of `count` sagas, numbered from `first`."""
    return [
        OrderPlaced(order_id=f"order-{number}", number=number, total_cents=100 + number % 10_000)
        for number in range(first, first + count)
    ]
