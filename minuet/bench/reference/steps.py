"""The steps of the reference saga: they answer at once, and reach for nothing outside."""

from __future__ import annotations

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
from minuet.step import step

REFUSED_EVERY = 20


@step
async def reserve_stock(order: OrderPlaced) -> StockReserved:
    """Reserve."""
    return StockReserved(number=order.number, total_cents=order.total_cents)


@step
async def charge_payment(reserved: StockReserved) -> PaymentCharged:
    """Charge."""
    return PaymentCharged(number=reserved.number, receipt=f"receipt-{reserved.number}")


@step
async def book_shipping(charged: PaymentCharged) -> ShippingBooked | ShippingRefused:
    """Book, but refuse every 20th order."""
    number = charged.number
    if number % REFUSED_EVERY == 0:
        return ShippingRefused(number=number, reason=f"every {REFUSED_EVERY}th order is refused")
    return ShippingBooked(number=number, tracking=f"parcel-{number}")


@step
async def confirm_order(booked: ShippingBooked) -> OrderConfirmed:
    """Confirm."""
    return OrderConfirmed(number=booked.number)


@step
async def refund_payment(request: RefundPayment) -> PaymentRefunded:
    """Undo `charge_payment`."""
    return PaymentRefunded(order_id=request.saga_id)


@step
async def release_stock(request: ReleaseStock) -> StockReleased:
    """Undo `reserve_stock`."""
    return StockReleased(order_id=request.saga_id)
