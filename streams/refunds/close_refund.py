"""Tell the customer; a pure step, so a plain function will do."""

from __future__ import annotations

from minuet import step
from schemas.refunds import RefundClosed, RefundPaid


@step
def close_refund(paid: RefundPaid) -> RefundClosed:
    """Close the refund with its receipt."""
    return RefundClosed(receipt=paid.receipt)
