"""Put the goods aside."""

from __future__ import annotations

from minuet import Backoff, Context, step
from schemas.orders import OrderPlaced, StockRejected, StockReserved
from streams.orders.resources import Warehouse


@step(retry=Backoff(first="200ms", most="10s", attempts=12), timeout="5s", breaker="warehouse")
async def reserve_stock(
    order: OrderPlaced, warehouse: Warehouse, ctx: Context
) -> StockReserved | StockRejected:
    """Put the goods aside, if they are there."""
    answer = await warehouse.reserve(
        order.order_id, order.sku, order.quantity, key=ctx.idempotency_key
    )
    if answer.refused:
        return StockRejected(reason=answer.refused)
    return StockReserved(reservation=answer.reference)
