"""The steps of a refund, and the step of an order that begins it, called as plain functions."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from minuet import Context
from schemas.orders import DeliveryInTime, OrderPlaced, ShipmentBooked
from schemas.refunds import (
    CardClosed,
    ClaimFiled,
    ClaimRejected,
    ClaimWithdrawn,
    RefundClosed,
    RefundPaid,
    RefundRequested,
    WithdrawClaim,
)
from streams.orders.request_refund import request_refund
from streams.orders.simulated import SimulatedRefunds
from streams.refunds.close_refund import close_refund
from streams.refunds.file_claim import file_claim
from streams.refunds.pay_refund import pay_refund
from streams.refunds.simulated import SimulatedClaims, SimulatedPayouts
from streams.refunds.withdraw_claim import withdraw_claim

CTX = Context("order-1", "0123456789abcdef")
ORDER = OrderPlaced(
    order_id="order-1", customer="ada", sku="desk", quantity=1, total=Decimal("249.50"),
    card="card-4242", country="NO",
)  # fmt: skip


def refund(amount: str = "24.95", card: str = "card-4242") -> RefundRequested:
    return RefundRequested(
        order_id="order-1", tracking="parcel-1", card=card, amount=Decimal(amount)
    )


@pytest.mark.parametrize(("days", "says"), [(0, DeliveryInTime()), (3, DeliveryInTime())])
def test_a_parcel_in_time_owes_nothing(days: int, says: DeliveryInTime) -> None:
    booked = ShipmentBooked(tracking="parcel-1", late_days=days)
    assert asyncio.run(request_refund(booked, ORDER, SimulatedRefunds(), CTX)) == says


def test_a_late_parcel_owes_a_tenth_exactly() -> None:
    booked = ShipmentBooked(tracking="parcel-1", late_days=4)
    assert asyncio.run(request_refund(booked, ORDER, SimulatedRefunds(), CTX)) == refund()


@pytest.mark.parametrize(
    ("amount", "says"),
    [
        ("5.00", ClaimFiled(claim="claim-01234567")),
        ("4.99", ClaimRejected(reason="less than 5.00 is not claimed")),
    ],
)
def test_a_claim_is_filed_unless_it_is_a_trifle(
    amount: str, says: ClaimFiled | ClaimRejected
) -> None:
    assert asyncio.run(file_claim(refund(amount), SimulatedClaims(), CTX)) == says


def test_a_claim_that_was_filed_is_withdrawn() -> None:
    request = WithdrawClaim(saga_id="order-1", undoes="e", reason="r", claim="claim-1")
    said = asyncio.run(withdraw_claim(request, SimulatedClaims(), CTX))
    assert said == ClaimWithdrawn(claim="claim-1")


@pytest.mark.parametrize(
    ("card", "says"),
    [
        ("card-4242", RefundPaid(receipt="payout-01234567")),
        ("card-4247", CardClosed(reason="card card-4247 is closed")),
    ],
)
def test_a_refund_is_paid_unless_the_card_is_closed(
    card: str, says: RefundPaid | CardClosed
) -> None:
    filed = ClaimFiled(claim="claim-1")
    assert asyncio.run(pay_refund(filed, refund(card=card), SimulatedPayouts(), CTX)) == says


def test_a_refund_that_is_paid_is_closed() -> None:
    assert close_refund(RefundPaid(receipt="payout-1")) == RefundClosed(receipt="payout-1")
