"""The outside of an order: four services, and the workflow `refunds`.

A service takes an idempotency key with whatever has an effect: asked again under the same key it
does nothing more and gives the same answer. The simulated ones, in `simulated`, answer from the
order's content alone, so the same order always goes the same way.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Protocol

from minuet import AsyncPublisher, MinuetError, RetryLater
from schemas.refunds import RefundRequested
from streams.shop import Answer, Shop


class Warehouse(Protocol):
    """Puts goods aside, and back."""

    async def reserve(self, order_id: str, sku: str, quantity: int, *, key: str) -> Answer:
        """Put goods aside."""
        ...

    async def release(self, order_id: str, reservation: str, *, key: str) -> None:
        """Put reserved goods back."""
        ...


class FraudScreening(Protocol):
    """Knows customers."""

    async def score(self, customer: str, total: Decimal) -> int:
        """How likely a fraud is, in percent."""
        ...


class Payments(Protocol):
    """Moves money."""

    async def charge(self, order_id: str, card: str, amount: Decimal, *, key: str) -> Answer:
        """Charge a card."""
        ...

    async def refund(self, order_id: str, receipt: str, amount: Decimal, *, key: str) -> None:
        """Give back what was charged."""
        ...


class Shipping(Protocol):
    """Sends parcels."""

    async def book(self, order_id: str, country: str, *, key: str) -> Answer:
        """Book a parcel; it cannot be called back."""
        ...


class Refunds(Protocol):
    """Begins the workflow `refunds`."""

    async def begin(self, refund: RefundRequested, *, key: str) -> None:
        """Begin a refund."""
        ...


class HttpWarehouse(Shop):
    """The shop's stock."""

    workflow = "orders"

    async def reserve(self, order_id: str, sku: str, quantity: int, *, key: str) -> Answer:
        """Put goods aside."""
        return await self.do("stock/reserve", order_id, key, sku=sku, quantity=quantity)

    async def release(self, order_id: str, reservation: str, *, key: str) -> None:
        """Put the goods back."""
        await self.do("stock/release", order_id, key, undoes=reservation)


class HttpFraudScreening(Shop):
    """The shop's knowledge of customers."""

    workflow = "orders"

    async def score(self, customer: str, total: Decimal) -> int:
        """Ask for the score: no effect, so no key."""
        said = await self.ask("fraud/score", customer=customer, total=str(total))
        return int(said["score"])


class HttpPayments(Shop):
    """The shop's bank."""

    workflow = "orders"

    async def charge(self, order_id: str, card: str, amount: Decimal, *, key: str) -> Answer:
        """Charge a card."""
        about = {"card": card, "amount": str(amount)}
        return await self.do("payments/charge", order_id, key, **about)

    async def refund(self, order_id: str, receipt: str, amount: Decimal, *, key: str) -> None:
        """Give the money back."""
        about = {"undoes": receipt, "amount": str(amount)}
        await self.do("payments/refund", order_id, key, **about)


class HttpShipping(Shop):
    """The shop's carrier."""

    workflow = "orders"

    async def book(self, order_id: str, country: str, *, key: str) -> Answer:
        """Book a parcel."""
        return await self.do("shipping/book", order_id, key, country=country)


class PublishedRefunds:
    """Publishes to the log of `refunds`, on the broker of the worker that it is made in."""

    def __init__(self) -> None:
        self._publisher = AsyncPublisher("refunds", "order_id", RefundRequested)
        self._opening = asyncio.Lock()
        self._is_open = False

    async def aclose(self) -> None:
        """Close the publisher; the worker does so when it stops."""
        if self._is_open:
            await self._publisher.close()

    async def begin(self, refund: RefundRequested, *, key: str) -> None:
        """Publish, and wait until every replica in sync has it."""
        try:
            async with self._opening:
                if not self._is_open:
                    await self._publisher.open()
                    self._is_open = True
            await self._publisher.publish(refund, id=key)
        except MinuetError as trouble:
            raise RetryLater(str(trouble)) from trouble
