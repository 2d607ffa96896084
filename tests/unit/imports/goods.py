"""A workflow that imports two events, one from a log and one from a topic."""

from __future__ import annotations

from minuet import Event, Saga, step
from minuet.spec.assemble import Workflow, assemble
from minuet.step import definition_of


class GoodsOrdered(Event):
    order_id: str


class DelayHeard(Event):
    order_id: str
    hours: int


class PaymentSettled(Event):
    reference: str
    cents: int
    settlement: str = ""


class GoodsClosed(Event):
    order_id: str


@step
def close(ordered: GoodsOrdered, late: DelayHeard, paid: PaymentSettled) -> GoodsClosed:
    return GoodsClosed(order_id=ordered.order_id)


FIELDS = {"reference": "order.number", "cents": "amount"}


def table() -> Saga:
    return Saga("goods", key="order_id", begins=GoodsOrdered, completes=GoodsClosed)


def whole(saga: Saga) -> Workflow:
    definition = definition_of(close)
    assert definition is not None
    return assemble(saga, [definition])


def goods(*, format: str = "json", id: str = "", prefix: str | None = None) -> Workflow:
    """The workflow."""
    saga = table()
    saga.imports(
        DelayHeard, from_log="shipping", named="ParcelDelayed", key="order_id",
        fields={"order_id": "order"}, prefix=prefix,
    )  # fmt: skip
    saga.imports(
        PaymentSettled, from_topic="bank.settlements", format=format, key="reference",
        fields=FIELDS, id=id,
    )  # fmt: skip
    return whole(saga)
