"""What the services of the shop do and refuse: a function of what is asked alone."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from minuet.errors import ContractError

SHELF = 20
SHIPS_TO = frozenset({"AT", "BE", "CZ", "DE", "DK", "ES", "FI", "FR", "IT", "NL", "NO", "PL", "SE"})
LATE_DAYS = {"FI": 4, "NO": 6}
CLAIM_LEAST = Decimal("5.00")

# What has an effect, and how a reference to it begins.
EFFECTS = {
    "stock/reserve": "shelf",
    "stock/release": "back",
    "payments/charge": "receipt",
    "payments/refund": "refund",
    "payments/payout": "payout",
    "shipping/book": "parcel",
    "shipping/claim": "claim",
    "shipping/withdraw": "withdrawal",
}
UNDOING = frozenset({"stock/release", "payments/refund", "shipping/withdraw"})


def refusal(what: str, asked: Mapping[str, Any]) -> str:
    """Return why a service refuses; empty when it does what is asked.

    Raises:
        ContractError: what it wants to know is missing, or no such value.
    """
    try:
        match what:
            case "stock/reserve" if (quantity := int(asked["quantity"])) > SHELF:
                return f"{quantity} of {asked['sku']} ordered, {SHELF} on the shelf"
            case "payments/charge" if str(asked["card"]).endswith("0002"):
                return f"card {asked['card']} was declined"
            case "payments/payout" if str(asked["card"]).endswith("7"):
                return f"card {asked['card']} is closed"
            case "shipping/book" if asked["country"] not in SHIPS_TO:
                return f"no carrier goes to {asked['country']}"
            case "shipping/claim" if Decimal(asked["amount"]) < CLAIM_LEAST:
                return f"less than {CLAIM_LEAST} is not claimed"
            case _ if what in UNDOING:
                str(asked["undoes"])
    except (KeyError, ValueError, TypeError, InvalidOperation) as error:
        message = f"{what}: {type(error).__name__}: {error}"
        raise ContractError(message) from error
    return ""


def late_days(what: str, asked: Mapping[str, Any]) -> int:
    """Return how late a parcel will be."""
    return LATE_DAYS.get(str(asked.get("country")), 0) if what == "shipping/book" else 0


def score(asked: Mapping[str, Any]) -> int:
    """Return how likely a fraud is, in percent.

    Raises:
        ContractError: something is missing, or no such value.
    """
    try:
        likely = str(asked["customer"]).startswith("mallory")
        return 99 if likely else min(50, int(Decimal(asked["total"]) / 100))
    except (KeyError, TypeError, InvalidOperation) as error:
        message = f"fraud/score: {type(error).__name__}: {error}"
        raise ContractError(message) from error
