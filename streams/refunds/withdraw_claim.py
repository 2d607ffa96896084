"""Undo of `file_claim`."""

from __future__ import annotations

from minuet import Backoff, Context, step
from schemas.refunds import ClaimWithdrawn, WithdrawClaim
from streams.refunds.resources import Claims


@step(retry=Backoff(first="200ms", most="10s", attempts=20), timeout="5s", breaker="claims")
async def withdraw_claim(request: WithdrawClaim, claims: Claims, ctx: Context) -> ClaimWithdrawn:
    """Take the claim back."""
    await claims.withdraw(request.saga_id, request.claim, key=ctx.idempotency_key)
    return ClaimWithdrawn(claim=request.claim)
