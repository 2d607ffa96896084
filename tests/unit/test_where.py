"""Conditions in CEL: right ones tell, wrong ones are refused before the first event."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated
from uuid import UUID

import pytest
from pydantic import BaseModel, Field

from minuet.errors import ContractError, UsageError
from minuet.event.model import Event
from minuet.where import Where, Wheres


class Channel(Enum):
    SHOP = "shop"
    WEB = "web"


class Address(BaseModel):
    country: str


class Placed(Event):
    order_id: UUID
    total: Annotated[Decimal, Field(max_digits=12, decimal_places=2)]
    placed_at: datetime
    channel: Channel
    address: Address
    tags: list[str]
    items: int = 1
    note: str | None = None


PLACED = Placed(
    order_id=UUID(int=7), total=Decimal("12.50"), placed_at=datetime(2026, 11, 22, 10, tzinfo=UTC),
    channel=Channel.WEB, address=Address(country="DE"), tags=["new", "gift"], items=3,
)  # fmt: skip


@pytest.mark.parametrize(
    "expression",
    [
        "items > 2 && items <= 3",
        "total >= 12.5 && total < 13",
        "channel == 'web' && address.country in ['DE', 'AT']",
        "placed_at > timestamp('2026-11-01T00:00:00Z')",
        "tags.exists(tag, tag.startsWith('gi'))",
        "note == null",
        "order_id.endsWith('7')",
        "tags[0] == 'new'",
    ],
)
def test_a_condition_holds_or_its_opposite_does_not(expression: str) -> None:
    assert Where(expression, Placed).holds(PLACED) is True
    assert Where(f"!({expression})", Placed).holds(PLACED) is False


@pytest.mark.parametrize(
    ("expression", "column", "reason"),
    [
        ("items >", 8, "the end"),
        ("items > 2 && itms < 9", 14, "Placed has no field itms; it has: order_id, total"),
        ("sum(items) > 2", 1, "there is no function sum"),
        ("items > 'a'", 1, "No such overload"),
        ("items + 1", 1, "neither true nor false"),
        ("", 1, ""),
    ],
)
def test_a_wrong_condition_is_refused_with_its_place(
    expression: str, column: int, reason: str
) -> None:
    with pytest.raises(UsageError) as refused:
        Where(expression, Placed)
    first, shown, pointer = str(refused.value).split("\n")
    assert first.startswith(f"--where, column {column}: ")
    assert reason in first
    assert shown == f"  {expression}"
    assert pointer.index("^") == 2 + column - 1


def test_what_only_the_values_make_wrong_refuses_the_event_and_not_the_condition() -> None:
    where = Where("6 / items == 2", Placed)
    assert where.holds(PLACED)
    with pytest.raises(ContractError, match="division by zero"):
        where.holds(PLACED.model_copy(update={"items": 0}))


def test_an_answer_that_is_no_truth_refuses_the_event() -> None:
    where = Where("tags[0]", Placed)  # of an empty list nothing is known before
    with pytest.raises(ContractError, match="neither true nor false"):
        where.holds(PLACED)


class Paid(Event):
    total: Annotated[Decimal, Field(max_digits=12, decimal_places=2)]
    receipt: str


def test_of_many_types_those_are_asked_that_have_all_its_fields() -> None:
    wheres = Wheres("total > 10.0 && items > 0", {"Placed": Placed, "Paid": Paid})
    assert wheres.types == {"Placed"}
    assert wheres.holds("Placed", PLACED)
    assert not wheres.holds("Paid", Paid(total=Decimal("99.00"), receipt="r"))
    assert Wheres("total > 10.0", {"Placed": Placed, "Paid": Paid}).types == {"Placed", "Paid"}


def test_a_condition_that_no_type_can_answer_is_refused_for_the_nearest_one() -> None:
    with pytest.raises(UsageError, match="Paid has no field items"):
        Wheres("receipt == 'r' && total > 1.0 && items > 0 && items < 3",
               {"Channelless": Event, "Paid": Paid})  # fmt: skip
