"""Events made up from their models."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel, Field

from minuet.errors import UsageError
from minuet.event.model import Event
from minuet.simulation.made_up import made_up


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Place(BaseModel):
    street: str
    number: int


class Everything(Event):
    order_id: str
    name: str
    count: Annotated[int, Field(ge=1)]
    share: float
    paid: bool
    price: Annotated[Decimal, Field(max_digits=12, decimal_places=2)]
    at: datetime
    day: date
    known: UUID
    colour: Colour
    kind: Literal["a", "b"]
    place: Place
    names: list[str]
    by_name: dict[str, int]
    perhaps: str | None
    either: int | str
    usual: str = "usual"


class Impossible(Event):
    order_id: str
    code: Annotated[str, Field(pattern="^[0-9]{12}$")]


def test_every_type_of_field_is_made_up_and_what_is_given_stands() -> None:
    made = made_up(Everything, {"order_id": "o-1"}, 0)
    assert isinstance(made, Everything)
    assert (made.order_id, made.usual) == ("o-1", "usual")
    assert made.count >= 1


def test_a_draw_makes_one_event_and_another_draw_another() -> None:
    events = [made_up(Everything, {"order_id": "o-1"}, draw) for draw in (3, 3, 4)]
    assert events[0] == events[1]
    assert events[0] != events[2]


def test_what_cannot_be_made_up_is_named() -> None:
    with pytest.raises(UsageError, match=r"no Impossible can be made up: code"):
        made_up(Impossible, {"order_id": "o-1"}, 0)
