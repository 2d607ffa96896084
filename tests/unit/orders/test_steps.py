"""The steps of an order, called as the plain functions they are."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

from minuet import Context
from schemas.orders import (
    FraudCleared,
    FraudFound,
    OrderConfirmed,
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
from streams.orders.book_shipment import book_shipment
from streams.orders.charge_payment import charge_payment
from streams.orders.confirm_order import confirm_order
from streams.orders.refund_payment import refund_payment
from streams.orders.release_stock import release_stock
from streams.orders.reserve_stock import reserve_stock
from streams.orders.screen_fraud import screen_fraud
from streams.orders.simulated import (
    SimulatedFraudScreening,
    SimulatedPayments,
    SimulatedShipping,
    SimulatedWarehouse,
)

CTX = Context("order-1", "0123456789abcdef")

RESERVED = StockReserved(reservation="shelf-1")
CHARGED = PaymentCharged(receipt="receipt-1", amount=Decimal("49.80"))


def order(**other: Any) -> OrderPlaced:
    fields: dict[str, Any] = {
        "order_id": "order-1",
        "customer": "ada",
        "sku": "lamp",
        "quantity": 2,
        "total": Decimal("49.80"),
        "card": "card-4242",
        "country": "SE",
    }
    return OrderPlaced(**(fields | other))


def test_stock_that_is_there_is_reserved() -> None:
    said = asyncio.run(reserve_stock(order(), SimulatedWarehouse(), CTX))
    assert said == StockReserved(reservation="shelf-01234567")


def test_more_than_there_is_is_rejected() -> None:
    said = asyncio.run(reserve_stock(order(quantity=21), SimulatedWarehouse(), CTX))
    assert said == StockRejected(reason="21 of lamp ordered, 20 on the shelf")


def test_a_customer_is_cleared() -> None:
    assert asyncio.run(screen_fraud(order(), SimulatedFraudScreening())) == FraudCleared(score=0)


def test_mallory_is_found() -> None:
    said = asyncio.run(screen_fraud(order(customer="mallory"), SimulatedFraudScreening()))
    assert said == FraudFound(reason="a fraud is 99 % likely")


def test_a_card_is_charged_with_the_total() -> None:
    said = asyncio.run(
        charge_payment(RESERVED, FraudCleared(score=0), order(), SimulatedPayments(), CTX)
    )
    assert said == PaymentCharged(receipt="receipt-01234567", amount=Decimal("49.80"))


def test_a_bad_card_is_declined() -> None:
    bad = order(card="card-0002")
    said = asyncio.run(
        charge_payment(RESERVED, FraudCleared(score=0), bad, SimulatedPayments(), CTX)
    )
    assert said == PaymentDeclined(reason="card card-0002 was declined")


def test_a_shipment_is_booked() -> None:
    said = asyncio.run(book_shipment(CHARGED, order(), SimulatedShipping(), CTX))
    assert said == ShipmentBooked(tracking="parcel-01234567")


def test_a_country_without_a_carrier_is_refused() -> None:
    said = asyncio.run(book_shipment(CHARGED, order(country="AQ"), SimulatedShipping(), CTX))
    assert said == ShipmentRefused(reason="no carrier goes to AQ")


def test_an_order_is_confirmed_with_the_number_of_its_parcel() -> None:
    assert confirm_order(ShipmentBooked(tracking="p")) == OrderConfirmed(tracking="p")


def test_stock_is_released_by_its_reservation() -> None:
    request = ReleaseStock(saga_id="order-1", undoes="e", reason="r", reservation="shelf-1")
    said = asyncio.run(release_stock(request, SimulatedWarehouse(), CTX))
    assert said == StockReleased(reservation="shelf-1")


def test_what_was_charged_is_refunded() -> None:
    request = RefundPayment(saga_id="order-1", undoes="e", reason="r")
    said = asyncio.run(refund_payment(request, CHARGED, SimulatedPayments(), CTX))
    assert said == PaymentRefunded(receipt="receipt-1", amount=Decimal("49.80"))


def test_the_same_key_gives_the_same_answer() -> None:
    shipping = SimulatedShipping()
    once, again = (asyncio.run(book_shipment(CHARGED, order(), shipping, CTX)) for _ in range(2))
    assert once == again
