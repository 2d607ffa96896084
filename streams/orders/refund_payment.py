"""Undo of `charge_payment`."""

from __future__ import annotations

from minuet import Backoff, Context, step
from schemas.orders import PaymentCharged, PaymentRefunded, RefundPayment
from streams.orders.resources import Payments


@step(retry=Backoff(first="200ms", most="10s", attempts=20), timeout="5s", breaker="payments")
async def refund_payment(
    request: RefundPayment, charged: PaymentCharged, payments: Payments, ctx: Context
) -> PaymentRefunded:
    """Give back what was charged."""
    await payments.refund(request.saga_id, charged.receipt, charged.amount, key=ctx.idempotency_key)
    return PaymentRefunded(receipt=charged.receipt, amount=charged.amount)
