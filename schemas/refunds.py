"""What happens to a refund, which an order begins when its parcel comes late."""

from __future__ import annotations

from typing import Annotated

from minuet import Event, Pii, Request
from schemas.orders import Money


class RefundRequested(Event):
    """A part of the price is owed to the customer; said by `orders`, begins the saga here."""

    order_id: str
    tracking: str
    card: Annotated[str, Pii()]
    amount: Money


class ClaimFiled(Event):
    """The carrier will pay for its delay."""

    claim: str


class ClaimRejected(Event):
    """The carrier will not."""

    reason: str


class RefundPaid(Event):
    """The customer has the money: there is no way back."""

    receipt: str


class CardClosed(Event):
    """There is no card to pay to."""

    reason: str


class RefundClosed(Event):
    """The refund is done."""

    receipt: str


class WithdrawClaim(Request):
    """Claim nothing for what was not paid."""

    claim: str


class ClaimWithdrawn(Event):
    """The carrier keeps its money."""

    claim: str


class RefundLapsed(Request):
    """Three days went by without a payment."""
