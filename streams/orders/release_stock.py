"""Undo of `reserve_stock`."""

from __future__ import annotations

from minuet import Backoff, Context, step
from schemas.orders import ReleaseStock, StockReleased
from streams.orders.resources import Warehouse


@step(retry=Backoff(first="200ms", most="10s", attempts=20), timeout="5s", breaker="warehouse")
async def release_stock(request: ReleaseStock, warehouse: Warehouse, ctx: Context) -> StockReleased:
    """Put the goods back."""
    await warehouse.release(request.saga_id, request.reservation, key=ctx.idempotency_key)
    return StockReleased(reservation=request.reservation)
