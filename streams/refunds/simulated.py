"""Services that answer from a refund's content alone; those of the shop answer alike."""

from __future__ import annotations

from decimal import Decimal

from streams.shop import Answer

CLAIM_LEAST = Decimal("5.00")


class SimulatedClaims:
    """Pays, but for trifles."""

    async def file(self, order_id: str, tracking: str, amount: Decimal, *, key: str) -> Answer:
        """Refuse trifles."""
        if amount < CLAIM_LEAST:
            return Answer(refused=f"less than {CLAIM_LEAST} is not claimed")
        return Answer(f"claim-{key[:8]}")

    async def withdraw(self, order_id: str, claim: str, *, key: str) -> None:
        """Forget it."""


class SimulatedPayouts:
    """Cards that end in 7 are closed by now."""

    async def pay(self, order_id: str, card: str, amount: Decimal, *, key: str) -> Answer:
        """Pay to a card that is still there."""
        if card.endswith("7"):
            return Answer(refused=f"card {card} is closed")
        return Answer(f"payout-{key[:8]}")
