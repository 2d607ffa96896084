"""Sagas in every state in which a person may want something of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from minuet.action.view import View
from minuet.inspection.history import History, fold
from minuet.spec.model import ONE_DAY_MS, SEVEN_DAYS_MS
from tests.unit.core.story import (
    HOUR_MS,
    TO_CHARGE,
    TO_CONFIRM,
    TO_SHIP,
    Story,
    failed,
    placed,
)


def view_of(order: Story) -> View:
    notes, state = fold(order.plan, order.log)
    history = History(order.key, 0, list(order.log), notes, state, len(order.log))
    return View(order.plan, history, order.now)


def early() -> Story:
    order = Story()
    order.happens("StockReserved")
    return order


def waiting() -> Story:
    order = placed()
    order.waits("reserve_stock", 2, order.now + HOUR_MS)
    return order


def parked() -> Story:
    order = placed()
    order.gives_up("reserve_stock", 6)
    return order


def parked_twice() -> Story:
    order = parked()
    order.gives_up("screen_fraud", 6)
    return order


def resumed() -> Story:
    order = placed()
    order.resumes("reserve_stock", order.gives_up("reserve_stock", 6))
    return order


def parked_again() -> Story:
    order = resumed()
    order.gives_up("reserve_stock", 12)
    return order


def in_doubt() -> Story:
    order = parked()
    order.answers("screen_fraud", "FraudFound")
    return order


def undo_parked() -> Story:
    order = placed("reserve_stock")
    order.answers("screen_fraud", "FraudFound")
    order.coordinates()
    order.gives_up("release_stock", 20)
    return order


def undo_due() -> Story:
    order = placed("reserve_stock")
    order.answers("screen_fraud", "FraudFound")
    order.coordinates()
    return order


def unreadable() -> Story:
    order = placed(*TO_CHARGE)
    order.rejects(order.log[1])
    return order


def unreadable_begin() -> Story:
    order = placed()
    order.rejects(order.log[0])
    return order


def unreadable_failing() -> Story:
    order = placed("reserve_stock")
    order.answers("screen_fraud", "FraudFound")
    order.rejects(order.log[1])
    return order


def unreadable_request() -> Story:
    order = undo_due()
    order.rejects(order.log[-1])
    return order


def unreadable_undo() -> Story:
    """Neither the outcome can be read nor the request to undo it."""
    order = unreadable_request()
    order.rejects(order.log[1])
    return order


def unreadable_and_cancelled() -> Story:
    """Its step cannot run again to learn, and waits for a person."""
    order = unreadable_begin()
    order.cancels()
    order.gives_up("reserve_stock")
    return order


def irreversible() -> Story:
    order = failed(*TO_SHIP)
    order.answers("book_shipment", "ShipmentBooked", late=True)
    return order


def shipped() -> Story:
    return placed(*TO_CONFIRM)


def failed_after_pivot() -> Story:
    order = shipped()
    order.cancels()
    return order


def confirmed() -> Story:
    return placed(*TO_CONFIRM, "confirm_order")


def completed() -> Story:
    order = placed()
    order.goes_well()
    return order


def cancelled_to_the_end() -> Story:
    order = failed()
    order.skips("reserve_stock")
    order.skips("screen_fraud")
    order.goes_well()
    return order


def cancelled_early() -> Story:
    order = early()
    order.cancels()
    return order


def compensated() -> Story:
    order = placed()
    order.goes_well(book_shipment="ShipmentRefused")
    return order


def redone() -> Story:
    order = compensated()
    order.redoes()
    return order


def forgotten() -> Story:
    order = compensated()
    order.now += SEVEN_DAYS_MS
    return order


def never_begun() -> Story:
    order = early()
    order.now += ONE_DAY_MS
    return order


SITUATIONS: Mapping[str, Callable[[], Story]] = {
    make.__name__: make
    for make in (
        early, placed, waiting, parked, parked_twice, resumed, parked_again, in_doubt, undo_parked,
        undo_due, unreadable, unreadable_begin, unreadable_failing, unreadable_request,
        unreadable_undo, unreadable_and_cancelled, irreversible, shipped, failed_after_pivot,
        confirmed, failed, completed, compensated, cancelled_early, cancelled_to_the_end,
        redone, forgotten, never_begun,
    )
}  # fmt: skip
