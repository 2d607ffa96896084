"""The events of the reference saga; the order's number is carried along the chain."""

from __future__ import annotations

from minuet.event.model import Event, Request


class OrderPlaced(Event):
    """Begins the saga."""

    order_id: str
    number: int
    total_cents: int


class StockReserved(Event):
    """The first answer."""

    number: int
    total_cents: int


class PaymentCharged(Event):
    """The second answer."""

    number: int
    receipt: str


class ShippingBooked(Event):
    """The pivot."""

    number: int
    tracking: str


class ShippingRefused(Event):
    """Said of every 20th order; the saga fails."""

    number: int
    reason: str


class OrderConfirmed(Event):
    """Completes the saga."""

    number: int


class RefundPayment(Request):
    """Asks to undo `PaymentCharged`."""


class PaymentRefunded(Event):
    """`PaymentCharged` is undone."""

    order_id: str


class ReleaseStock(Request):
    """Asks to undo `StockReserved`."""


class StockReleased(Event):
    """`StockReserved` is undone."""

    order_id: str
