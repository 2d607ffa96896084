"""The outside of a refund: the carrier that pays for its delay, and the bank."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from streams.shop import Answer, Shop


class Claims(Protocol):
    """The carrier's desk for complaints."""

    async def file(self, order_id: str, tracking: str, amount: Decimal, *, key: str) -> Answer:
        """Claim damages for a parcel."""
        ...

    async def withdraw(self, order_id: str, claim: str, *, key: str) -> None:
        """Take a claim back."""
        ...


class Payouts(Protocol):
    """Moves money to a card."""

    async def pay(self, order_id: str, card: str, amount: Decimal, *, key: str) -> Answer:
        """Pay; it cannot be called back."""
        ...


class HttpClaims(Shop):
    """Claims at the shop."""

    workflow = "refunds"

    async def file(self, order_id: str, tracking: str, amount: Decimal, *, key: str) -> Answer:
        """Claim damages."""
        about = {"tracking": tracking, "amount": str(amount)}
        return await self.do("shipping/claim", order_id, key, **about)

    async def withdraw(self, order_id: str, claim: str, *, key: str) -> None:
        """Take the claim back."""
        await self.do("shipping/withdraw", order_id, key, undoes=claim)


class HttpPayouts(Shop):
    """The shop's bank."""

    workflow = "refunds"

    async def pay(self, order_id: str, card: str, amount: Decimal, *, key: str) -> Answer:
        """Pay."""
        return await self.do("payments/payout", order_id, key, card=card, amount=str(amount))
