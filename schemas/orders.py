"""What happens to an order."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from minuet import Event, Pii, Request

Money = Annotated[Decimal, Field(max_digits=12, decimal_places=2)]


class OrderPlaced(Event):
    """A customer ordered; begins the saga."""

    order_id: str
    customer: Annotated[str, Pii()]
    sku: str
    quantity: int
    total: Money
    card: Annotated[str, Pii()]
    country: str


class StockReserved(Event):
    """The warehouse put the goods aside."""

    reservation: str


class StockRejected(Event):
    """The warehouse does not have them."""

    reason: str


class FraudCleared(Event):
    """Nothing speaks against the customer."""

    score: int


class FraudFound(Event):
    """The customer is not who they say."""

    reason: str


class PaymentCharged(Event):
    """The card was charged."""

    receipt: str
    amount: Money


class PaymentDeclined(Event):
    """The card was not charged."""

    reason: str


class ShipmentBooked(Event):
    """The parcel is on its way: there is no way back."""

    tracking: str
    late_days: int = 0


class ShipmentRefused(Event):
    """No carrier takes the parcel."""

    reason: str


class OrderConfirmed(Event):
    """The customer has been told; the order is done."""

    tracking: str


class DeliveryInTime(Event):
    """The parcel comes when it was promised: there is nothing to pay back."""


class ReleaseStock(Request):
    """Put the goods back on the shelf."""

    reservation: str


class StockReleased(Event):
    """The goods are back on the shelf."""

    reservation: str


class RefundPayment(Request):
    """Give the money back."""


class PaymentRefunded(Event):
    """The customer has the money back."""

    receipt: str
    amount: Money


class OrderExpired(Request):
    """Half an hour went by without a shipment."""
