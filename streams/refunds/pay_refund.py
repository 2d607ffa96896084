"""Pay the customer: the pivot of a refund."""

from __future__ import annotations

from minuet import Backoff, Context, step
from schemas.refunds import CardClosed, ClaimFiled, RefundPaid, RefundRequested
from streams.refunds.resources import Payouts


@step(retry=Backoff(first="200ms", most="10s", attempts=12), timeout="5s", breaker="payouts")
async def pay_refund(
    filed: ClaimFiled, refund: RefundRequested, payouts: Payouts, ctx: Context
) -> RefundPaid | CardClosed:
    """Pay to the card that the order was paid with."""
    answer = await payouts.pay(refund.order_id, refund.card, refund.amount, key=ctx.idempotency_key)
    if answer.refused:
        return CardClosed(reason=answer.refused)
    return RefundPaid(receipt=answer.reference)
