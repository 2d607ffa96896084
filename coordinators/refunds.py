"""The saga of a refund, as a table. It begins with an event that a step of `orders` says."""

from __future__ import annotations

from minuet import Deadline, Saga, Undo
from schemas.refunds import (
    CardClosed,
    ClaimFiled,
    ClaimRejected,
    ClaimWithdrawn,
    RefundClosed,
    RefundLapsed,
    RefundPaid,
    RefundRequested,
    WithdrawClaim,
)
from streams.refunds import resources, simulated

refunds = Saga(
    "refunds",
    key="order_id",
    begins=RefundRequested,
    pivot=RefundPaid,
    completes=RefundClosed,
    fails=(ClaimRejected, CardClosed, RefundLapsed),
    undo=(
        #    outcome     asks for       is undone by
        Undo(ClaimFiled, WithdrawClaim, ClaimWithdrawn),
    ),
    deadlines=(Deadline(RefundLapsed, after=RefundRequested, unless=RefundPaid, within="3d"),),
)  # fmt: skip

refunds.provide(resources.Claims, real=resources.HttpClaims, simulated=simulated.SimulatedClaims)
refunds.provide(resources.Payouts, real=resources.HttpPayouts, simulated=simulated.SimulatedPayouts)
