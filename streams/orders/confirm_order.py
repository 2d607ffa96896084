"""Tell the customer; a pure step, so a plain function will do."""

from __future__ import annotations

from minuet import step
from schemas.orders import OrderConfirmed, ShipmentBooked


@step
def confirm_order(booked: ShipmentBooked) -> OrderConfirmed:
    """Confirm with the number to follow the parcel by."""
    return OrderConfirmed(tracking=booked.tracking)
