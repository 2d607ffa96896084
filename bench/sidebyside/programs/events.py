"""The events of the reference saga, as somebody writes them who has pydantic alone.

The same names and fields as in `minuet/bench/reference`; those that Minuet says by itself (the two
ends, what is asked to be undone) have to be written here.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Event(BaseModel):
    """What all of them are: checked strictly, never changed."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


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
    """After it there is no way back."""

    number: int
    tracking: str


class ShippingRefused(Event):
    """Said of every 20th order; the saga fails."""

    number: int
    reason: str


class OrderConfirmed(Event):
    """The last answer."""

    number: int


class RefundPayment(Event):
    """Asks to undo `PaymentCharged`."""

    order_id: str
    reason: str


class PaymentRefunded(Event):
    """`PaymentCharged` is undone."""

    order_id: str


class ReleaseStock(Event):
    """Asks to undo `StockReserved`."""

    order_id: str
    reason: str


class StockReleased(Event):
    """`StockReserved` is undone."""

    order_id: str


class SagaCompleted(Event):
    """The end of a saga that went well."""

    order_id: str


class SagaCompensated(Event):
    """The end of a saga that failed, once all is undone."""

    order_id: str


EVENTS: tuple[type[Event], ...] = (
    OrderPlaced,
    StockReserved,
    PaymentCharged,
    ShippingBooked,
    ShippingRefused,
    OrderConfirmed,
    RefundPayment,
    PaymentRefunded,
    ReleaseStock,
    StockReleased,
    SagaCompleted,
    SagaCompensated,
)
ENDS = ("SagaCompleted", "SagaCompensated")
