"""Begin a refund when the parcel will come late: a saga that starts another.

It stands beyond the pivot, so nothing has to call the refund back. What it says is the very event
that begins the refund, and the refund's key is the order's id: however often this runs, one begins.
"""

from __future__ import annotations

from decimal import Decimal

from minuet import Backoff, Context, step
from schemas.orders import DeliveryInTime, OrderPlaced, ShipmentBooked
from schemas.refunds import RefundRequested
from streams.orders.resources import Refunds

PATIENCE_DAYS = 3
PART = Decimal("0.10")


@step(retry=Backoff(first="200ms", most="10s", attempts=20), timeout="10s")
async def request_refund(
    booked: ShipmentBooked, order: OrderPlaced, refunds: Refunds, ctx: Context
) -> RefundRequested | DeliveryInTime:
    """Give back a tenth of the price for more than three days of delay."""
    if booked.late_days <= PATIENCE_DAYS:
        return DeliveryInTime()
    refund = RefundRequested(
        order_id=order.order_id,
        tracking=booked.tracking,
        card=order.card,
        amount=(order.total * PART).quantize(Decimal("0.01")),
    )
    await refunds.begin(refund, key=ctx.idempotency_key)
    return refund
