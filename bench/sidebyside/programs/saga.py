"""What follows from an event: the handlers, and which of them runs when.

An order's state is a plain dict that each library keeps in its own way: to each event that was
answered, the answer, as `[type, fields]`. An event that comes again (after a crash, or because
it stands on the topic twice) is given the answer that is kept: its handler does not run again, and
what may have been lost on the way to the topic is said once more. Once the end has been read back
nothing can be missing any longer, and the end alone is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.sidebyside.programs import events as e

REFUSED_EVERY = 20
Saga = dict[str, Any]
Note = Callable[[str, str], None]  # told of each run of a handler: step, order
ENDED = "ended"


def order_id(number: int) -> str:
    """The key of the saga with that number."""
    return f"order-{number}"


def reserve_stock(order: e.OrderPlaced) -> e.StockReserved:
    """Reserve."""
    return e.StockReserved(number=order.number, total_cents=order.total_cents)


def charge_payment(reserved: e.StockReserved) -> e.PaymentCharged:
    """Charge."""
    return e.PaymentCharged(number=reserved.number, receipt=f"receipt-{reserved.number}")


def book_shipping(charged: e.PaymentCharged) -> e.ShippingBooked | e.ShippingRefused:
    """Book, but refuse every 20th order."""
    number = charged.number
    if number % REFUSED_EVERY == 0:
        return e.ShippingRefused(number=number, reason=f"every {REFUSED_EVERY}th order is refused")
    return e.ShippingBooked(number=number, tracking=f"parcel-{number}")


def confirm_order(booked: e.ShippingBooked) -> e.OrderConfirmed:
    """Confirm."""
    return e.OrderConfirmed(number=booked.number)


def refund_payment(request: e.RefundPayment) -> e.PaymentRefunded:
    """Undo `charge_payment`."""
    return e.PaymentRefunded(order_id=request.order_id)


def release_stock(request: e.ReleaseStock) -> e.StockReleased:
    """Undo `reserve_stock`."""
    return e.StockReleased(order_id=request.order_id)


def _completed(confirmed: e.OrderConfirmed) -> e.SagaCompleted:
    return e.SagaCompleted(order_id=order_id(confirmed.number))


def _undo_payment(refused: e.ShippingRefused) -> e.RefundPayment:
    return e.RefundPayment(order_id=order_id(refused.number), reason=refused.reason)


def _undo_stock(refunded: e.PaymentRefunded) -> e.ReleaseStock:
    return e.ReleaseStock(order_id=refunded.order_id, reason="the payment is refunded")


def _compensated(released: e.StockReleased) -> e.SagaCompensated:
    return e.SagaCompensated(order_id=released.order_id)


STEPS: dict[type[e.Event], Callable[..., e.Event]] = {
    e.OrderPlaced: reserve_stock,
    e.StockReserved: charge_payment,
    e.PaymentCharged: book_shipping,
    e.ShippingBooked: confirm_order,
    e.RefundPayment: refund_payment,
    e.ReleaseStock: release_stock,
}
COORDINATOR: dict[type[e.Event], Callable[..., e.Event]] = {
    e.OrderConfirmed: _completed,
    e.ShippingRefused: _undo_payment,
    e.PaymentRefunded: _undo_stock,
    e.StockReleased: _compensated,
}
_MODELS = {model.__name__: model for model in e.EVENTS}


def react(saga: Saga | None, event: e.Event, note: Note, order: str) -> tuple[Saga, e.Event | None]:
    """What an order's state becomes by an event, and what is to be said.

    The state that is given is left as it is; the same is returned where nothing changes.
    """
    saga = saga or {}
    model = type(event)
    if ENDED in saga:
        return saga, None
    if model.__name__ in e.ENDS:
        return {ENDED: model.__name__}, None
    kept = saga.get(model.__name__)
    if kept is not None:
        return saga, _MODELS[kept[0]].model_validate(kept[1])
    step = STEPS.get(model)
    if step is not None:
        note(step.__name__, order)
        answer = step(event)
    else:
        answer = COORDINATOR[model](event)
    return {**saga, model.__name__: [type(answer).__name__, vars(answer)]}, answer
