"""Hand the parcel to a carrier: the pivot of an order."""

from __future__ import annotations

from minuet import Backoff, Context, step
from schemas.orders import OrderPlaced, PaymentCharged, ShipmentBooked, ShipmentRefused
from streams.orders.resources import Shipping


@step(retry=Backoff(first="200ms", most="10s", attempts=12), timeout="5s", breaker="shipping")
async def book_shipment(
    charged: PaymentCharged, order: OrderPlaced, shipping: Shipping, ctx: Context
) -> ShipmentBooked | ShipmentRefused:
    """Book a parcel to the customer's country."""
    answer = await shipping.book(order.order_id, order.country, key=ctx.idempotency_key)
    if answer.refused:
        return ShipmentRefused(reason=answer.refused)
    return ShipmentBooked(tracking=answer.reference, late_days=answer.late_days)
