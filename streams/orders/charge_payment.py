"""Charge the card, once the goods are there and the customer is cleared."""

from __future__ import annotations

from minuet import Backoff, Context, step
from schemas.orders import (
    FraudCleared,
    OrderPlaced,
    PaymentCharged,
    PaymentDeclined,
    StockReserved,
)
from streams.orders.resources import Payments


@step(retry=Backoff(first="200ms", most="10s", attempts=12), timeout="5s", breaker="payments")
async def charge_payment(
    reserved: StockReserved,
    cleared: FraudCleared,
    order: OrderPlaced,
    payments: Payments,
    ctx: Context,
) -> PaymentCharged | PaymentDeclined:
    """Charge the order's total."""
    answer = await payments.charge(order.order_id, order.card, order.total, key=ctx.idempotency_key)
    if answer.refused:
        return PaymentDeclined(reason=answer.refused)
    return PaymentCharged(receipt=answer.reference, amount=order.total)
