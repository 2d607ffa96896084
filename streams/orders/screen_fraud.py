"""Look at the customer, while the goods are put aside."""

from __future__ import annotations

from minuet import Backoff, step
from schemas.orders import FraudCleared, FraudFound, OrderPlaced
from streams.orders.resources import FraudScreening

FRAUD_PERCENT = 80


@step(retry=Backoff(first="200ms", most="10s", attempts=12), timeout="5s", breaker="screening")
async def screen_fraud(order: OrderPlaced, screening: FraudScreening) -> FraudCleared | FraudFound:
    """Clear the customer, unless a fraud is likely."""
    score = await screening.score(order.customer, order.total)
    if score >= FRAUD_PERCENT:
        return FraudFound(reason=f"a fraud is {score} % likely")
    return FraudCleared(score=score)
