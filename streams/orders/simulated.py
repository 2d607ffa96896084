"""Services that answer from an order's content alone; those of the shop answer alike."""

from __future__ import annotations

from decimal import Decimal

from schemas.refunds import RefundRequested
from streams.shop import Answer

SHELF = 20  # how many of each article the warehouse has for one order
SHIPS_TO = frozenset({"AT", "BE", "CZ", "DE", "DK", "ES", "FI", "FR", "IT", "NL", "NO", "PL", "SE"})
LATE_DAYS = {"FI": 4, "NO": 6}


class SimulatedWarehouse:
    """Has twenty of everything."""

    async def reserve(self, order_id: str, sku: str, quantity: int, *, key: str) -> Answer:
        """Refuse more than there is."""
        if quantity > SHELF:
            return Answer(refused=f"{quantity} of {sku} ordered, {SHELF} on the shelf")
        return Answer(f"shelf-{key[:8]}")

    async def release(self, order_id: str, reservation: str, *, key: str) -> None:
        """Put the goods back."""


class SimulatedFraudScreening:
    """Trusts everybody but Mallory."""

    async def score(self, customer: str, total: Decimal) -> int:
        """Mallory is never who she says; large sums raise an eyebrow."""
        return 99 if customer.startswith("mallory") else min(50, int(total / 100))


class SimulatedPayments:
    """Declines cards that end in 0002."""

    async def charge(self, order_id: str, card: str, amount: Decimal, *, key: str) -> Answer:
        """Charge a card that is good."""
        if card.endswith("0002"):
            return Answer(refused=f"card {card} was declined")
        return Answer(f"receipt-{key[:8]}")

    async def refund(self, order_id: str, receipt: str, amount: Decimal, *, key: str) -> None:
        """Give the money back."""


class SimulatedShipping:
    """Ships within its part of the world."""

    async def book(self, order_id: str, country: str, *, key: str) -> Answer:
        """Refuse countries it does not go to."""
        if country not in SHIPS_TO:
            return Answer(refused=f"no carrier goes to {country}")
        return Answer(f"parcel-{key[:8]}", late_days=LATE_DAYS.get(country, 0))


class SimulatedRefunds:
    """Begins nothing: the other workflow is not simulated along."""

    async def begin(self, refund: RefundRequested, *, key: str) -> None:
        """Do nothing."""
