"""Let the carrier pay for its delay."""

from __future__ import annotations

from minuet import Backoff, Context, step
from schemas.refunds import ClaimFiled, ClaimRejected, RefundRequested
from streams.refunds.resources import Claims


@step(retry=Backoff(first="200ms", most="10s", attempts=12), timeout="5s", breaker="claims")
async def file_claim(
    refund: RefundRequested, claims: Claims, ctx: Context
) -> ClaimFiled | ClaimRejected:
    """Claim what the customer is owed."""
    answer = await claims.file(
        refund.order_id, refund.tracking, refund.amount, key=ctx.idempotency_key
    )
    if answer.refused:
        return ClaimRejected(reason=answer.refused)
    return ClaimFiled(claim=answer.reference)
