"""Events of every kind that a model can hold, for the tests of this folder."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Annotated, Literal, NewType
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from minuet.event.model import Event

Money = Annotated[Decimal, Field(max_digits=12, decimal_places=2)]
Sku = NewType("Sku", str)


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Speed(StrEnum):
    SLOW = "slow"
    FAST = "fast"


class Line(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    sku: Sku
    pieces: int
    price: Money
    colour: Colour | None = None


class Card(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    number: str
    limit: Money | None = None


class Transfer(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    account: str
    at: datetime


class OrderPlaced(Event):
    order_id: str
    customer: str
    total: Money
    placed_at: datetime
    items: int
    note: str | None = None


class Everything(Event):
    number: int
    ratio: float
    flag: bool
    text: str
    raw: bytes
    money: Money
    moment: datetime
    day: date
    clock: time
    uuid: UUID
    colour: Colour
    speed: Speed
    mode: Literal["air", "sea"]
    line: Line
    lines: list[Line]
    prices: tuple[Money, ...]
    stock: dict[str, int]
    by_sku: dict[str, Line]
    maybe_money: Money | None
    maybe_line: Line | None
    either: int | str | Money | None
    paid_by: Card | Transfer | None
