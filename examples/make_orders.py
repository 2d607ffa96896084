"""Writes orders.jsonl beside itself: a thousand orders, the same each time.

Some fail at each step: the shelf is too short, the customer is Mallory, the card is declined, or
no carrier goes there. Run it as `python examples/make_orders.py [COUNT] [FILE]`.
"""

from __future__ import annotations

import json
import random
import sys
from decimal import Decimal
from pathlib import Path

CUSTOMERS = ("ada", "barbara", "edsger", "frances", "grace", "leslie", "margaret", "tony")
PRICES = {
    "chair": Decimal("79.00"),
    "desk": Decimal("249.50"),
    "lamp": Decimal("24.90"),
    "rug": Decimal("119.95"),
    "shelf": Decimal("64.20"),
}
COUNTRIES = ("AT", "BE", "CZ", "DE", "DK", "ES", "FI", "FR", "IT", "NL", "NO", "PL", "SE")
FAILS_PERCENT = 3  # of the orders, at each of the four steps that can fail


def order(number: int, dice: random.Random) -> dict[str, object]:
    """The order with this number."""

    def fails() -> bool:
        return dice.random() * 100 < FAILS_PERCENT

    sku = dice.choice(sorted(PRICES))
    quantity = dice.randint(21, 40) if fails() else dice.randint(1, 4)
    return {
        "order_id": f"order-{number:04}",
        "customer": "mallory" if fails() else dice.choice(CUSTOMERS),
        "sku": sku,
        "quantity": quantity,
        "total": str(PRICES[sku] * quantity),
        "card": "card-0002" if fails() else f"card-{dice.randint(1000, 9999)}",
        "country": "AQ" if fails() else dice.choice(COUNTRIES),
    }


def main(count: int, file: Path) -> None:
    """Write the orders."""
    dice = random.Random(7)
    lines = [json.dumps(order(number, dice)) for number in range(1, count + 1)]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    main(
        count, Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).with_name("orders.jsonl")
    )
