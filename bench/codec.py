"""Microseconds per encode and decode of a small event, the cost every record pays.

Run from the project's folder: `python -m bench.codec`. The best of several rounds is printed,
since everything that disturbs a round only makes it longer.
"""

from __future__ import annotations

import timeit
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from minuet.contracts.codec import Codec
from minuet.contracts.registry import LocalRegistry
from minuet.event.model import Event

ROUNDS = 7
CALLS = 50_000


class OrderPlaced(Event):
    """Six fields: what an event of the reference saga looks like."""

    order_id: str
    customer: str
    total: Annotated[Decimal, Field(max_digits=12, decimal_places=2)]
    placed_at: datetime
    items: int
    note: str | None = None


def main() -> None:
    """Print the figures."""
    codec = Codec([OrderPlaced], LocalRegistry())
    event = OrderPlaced(
        order_id="order-000123", customer="customer-42", total=Decimal("123.45"),
        placed_at=datetime(2026, 11, 22, 16, 14, 16, 123457, tzinfo=UTC), items=3, note="hello",
    )  # fmt: skip
    value, schema, _ = codec.encode(event)
    if codec.decode("OrderPlaced", schema, value) != event:
        message = "the event does not come back equal"
        raise SystemExit(message)
    encode = timeit.repeat(lambda: codec.encode(event), number=CALLS, repeat=ROUNDS)
    decode = timeit.repeat(
        lambda: codec.decode("OrderPlaced", schema, value), number=CALLS, repeat=ROUNDS
    )
    print(f"encode {min(encode) / CALLS * 1e6:.2f} us, {len(value)} bytes")  # noqa: T201
    print(f"decode {min(decode) / CALLS * 1e6:.2f} us, validated")  # noqa: T201


if __name__ == "__main__":
    main()
