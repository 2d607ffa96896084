"""The event that the tests of publishing publish."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from minuet.event.model import Event


class OrderPlaced(Event):
    order_id: str
    total: Annotated[Decimal, Field(max_digits=12, decimal_places=2)]
    placed_at: datetime
    note: str = "none"


LINE = b'{"order_id": "%s", "total": "12.50", "placed_at": "2026-11-22T10:00:00.123456Z"}'


def line(order_id: str) -> bytes:
    return LINE % order_id.encode()
