"""The saga of an order, as a table."""

from __future__ import annotations

from minuet import Deadline, Saga, Undo
from schemas.orders import (
    FraudFound,
    OrderConfirmed,
    OrderExpired,
    OrderPlaced,
    PaymentCharged,
    PaymentDeclined,
    PaymentRefunded,
    RefundPayment,
    ReleaseStock,
    ShipmentBooked,
    ShipmentRefused,
    StockRejected,
    StockReleased,
    StockReserved,
)
from streams.orders import resources, simulated

orders = Saga(
    "orders",
    key="order_id",
    begins=OrderPlaced,
    pivot=ShipmentBooked,
    completes=OrderConfirmed,
    fails=(StockRejected, FraudFound, PaymentDeclined, ShipmentRefused, OrderExpired),
    undo=(
        #    outcome         asks for       is undone by
        Undo(StockReserved,  ReleaseStock,  StockReleased),
        Undo(PaymentCharged, RefundPayment, PaymentRefunded),
    ),
    deadlines=(Deadline(OrderExpired, after=OrderPlaced, unless=ShipmentBooked, within="30m"),),
)  # fmt: skip

orders.provide(
    resources.Warehouse, real=resources.HttpWarehouse, simulated=simulated.SimulatedWarehouse
)
orders.provide(
    resources.FraudScreening,
    real=resources.HttpFraudScreening,
    simulated=simulated.SimulatedFraudScreening,
)
orders.provide(
    resources.Payments, real=resources.HttpPayments, simulated=simulated.SimulatedPayments
)
orders.provide(
    resources.Shipping, real=resources.HttpShipping, simulated=simulated.SimulatedShipping
)
orders.provide(
    resources.Refunds, real=resources.PublishedRefunds, simulated=simulated.SimulatedRefunds
)
