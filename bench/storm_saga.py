"""What a retry storm is tried with: an order that is paid and packed at once.

Payment reaches a bank that is down for a while; packing reaches nobody. Every 20th order cannot be
labelled, so its payment is undone.
"""

from __future__ import annotations

import asyncio
from typing import Protocol
from zlib import crc32

from minuet import Backoff, Context, Event, Request, Saga, Undo, step
from minuet.spec.assemble import Workflow, assemble
from minuet.step import definition_of

REFUSED_EVERY = 20
PATIENT = Backoff(first="200ms", most="1m", attempts=50)


class OrderPlaced(Event):
    """Begins the saga."""

    order_id: str
    number: int


class OrderPaid(Event):
    """The bank's branch."""

    receipt: str


class OrderPacked(Event):
    """The other branch."""

    number: int


class OrderLabelled(Event):
    """The end of the other branch."""

    number: int


class LabelRefused(Event):
    """The saga fails."""

    number: int


class OrderConfirmed(Event):
    """Completes the saga."""

    receipt: str


class RefundOrder(Request):
    """Asks to undo `OrderPaid`."""

    receipt: str


class OrderRefunded(Event):
    """`OrderPaid` is undone."""

    receipt: str


class Bank(Protocol):
    """Moves money; under a known key it does nothing more and answers the same."""

    async def pay(self, order_id: str, key: str) -> str:
        """Take money and return the receipt."""
        ...

    async def refund(self, order_id: str, receipt: str, key: str) -> None:
        """Give it back."""
        ...


class SickBank:
    """A bank that may be down: then most calls are refused, some are done and never answered, and
    some are done and answered long after the timeout.

    Args:
        is_down: asked at each call.
        write: notes an effect: what, for whom, under which key.
        hangs_s: longer than the step's timeout.
    """

    def __init__(self, is_down: IsDown, write: Write, hangs_s: float = 3.0) -> None:
        self._is_down = is_down
        self._write = write
        self._hangs_s = hangs_s
        self._calls = 0

    async def pay(self, order_id: str, key: str) -> str:
        """Take money."""
        await self._effect("pay", order_id, key)
        return f"receipt-{key[:8]}"

    async def refund(self, order_id: str, receipt: str, key: str) -> None:
        """Give it back."""
        await self._effect("refund", order_id, key)

    async def _effect(self, what: str, order_id: str, key: str) -> None:
        self._calls += 1
        await asyncio.sleep(0.002)
        luck = crc32(f"{key}{self._calls}".encode()) % 10 if self._is_down() else -1
        if 0 <= luck < 7:
            raise ConnectionRefusedError
        self._write(what, order_id, key)
        if luck in (7, 8):
            raise ConnectionResetError
        if luck == 9:
            await asyncio.sleep(self._hangs_s)


class IsDown(Protocol):
    """Says whether the bank is down."""

    def __call__(self) -> bool:
        """Say it."""
        ...


class Write(Protocol):
    """Notes an effect."""

    def __call__(self, what: str, order_id: str, key: str) -> None:
        """Note it."""
        ...


@step(retry=PATIENT, timeout="1s", breaker="bank")
async def pay_order(order: OrderPlaced, bank: Bank, ctx: Context) -> OrderPaid:
    """Take the money."""
    return OrderPaid(receipt=await bank.pay(order.order_id, ctx.idempotency_key))


@step
async def pack_order(order: OrderPlaced) -> OrderPacked:
    """Pack."""
    return OrderPacked(number=order.number)


@step
async def label_order(packed: OrderPacked) -> OrderLabelled | LabelRefused:
    """Label, but for every 20th order."""
    number = packed.number
    return (OrderLabelled if number % REFUSED_EVERY else LabelRefused)(number=number)


@step
async def confirm_order(paid: OrderPaid, labelled: OrderLabelled) -> OrderConfirmed:
    """Join both branches."""
    return OrderConfirmed(receipt=paid.receipt)


@step(retry=PATIENT, timeout="1s", breaker="bank")
async def refund_order(request: RefundOrder, bank: Bank, ctx: Context) -> OrderRefunded:
    """Give the money back."""
    await bank.refund(request.saga_id, request.receipt, ctx.idempotency_key)
    return OrderRefunded(receipt=request.receipt)


STEPS = (pay_order, pack_order, label_order, confirm_order, refund_order)


def workflow(name: str, bank: Bank, *, open_for: str = "2s") -> Workflow:
    """Return the workflow under a name of its own."""
    saga = Saga(
        name, key="order_id",
        begins=OrderPlaced, completes=OrderConfirmed, fails=(LabelRefused,),
        undo=(Undo(OrderPaid, RefundOrder, OrderRefunded),),
    )  # fmt: skip
    saga.provide(Bank, real=lambda: bank, simulated=lambda: bank)
    saga.breaker("bank", failures=5, open_for=open_for)
    definitions = [definition_of(function) for function in STEPS]
    return assemble(saga, [found for found in definitions if found is not None])
