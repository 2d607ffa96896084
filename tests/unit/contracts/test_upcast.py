"""What an older version said is read as what the model says now."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

import pytest
from pydantic import BaseModel, Field

from minuet.contracts.codec import Codec
from minuet.contracts.registry import LocalRegistry
from minuet.contracts.schema import avro_schema
from minuet.errors import UnreadableValue
from minuet.event.model import Event
from minuet.event.upcast import know_versions, upcast, upcasts_of

Money = Annotated[Decimal, Field(max_digits=12, decimal_places=2)]


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


class Place(BaseModel):
    street: str
    town: str


def older(name: str, **fields: Any) -> Any:
    """The model as it was: of the same name."""
    return type(name, (Event,), {"__annotations__": fields, "__module__": __name__})


FIRST = older("Packed", parcel=str, where=str, cents=int, at=datetime, by=UUID, size=Size)
SECOND = older("Packed", parcel=str, place=Place, price=Money, at=datetime, by=UUID, size=Size)
AT, BY = datetime(2026, 11, 22, 10, tzinfo=UTC), UUID(int=7)
WRITTEN = FIRST(parcel="p-1", where="High St, Town", cents=1250, at=AT, by=BY, size=Size.LARGE)


class Packed(Event):
    parcel: str
    place: Place
    price: Money
    at: datetime
    by: UUID
    size: Size
    weight: int


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    yield
    for name in ("__minuet_upcasts__", "__minuet_versions__"):
        if name in vars(Packed):
            delattr(Packed, name)


def versions() -> None:
    know_versions(Packed, {avro_schema(FIRST).fingerprint: 1, avro_schema(SECOND).fingerprint: 2})


def read(event: Event) -> Event:
    registry = LocalRegistry()
    value, schema, _ = Codec([type(event)], registry).encode(event)
    return Codec([Packed], registry).decode("Packed", schema, value)


def with_place(old: dict[str, Any]) -> dict[str, Any]:
    assert old == {
        "parcel": "p-1", "where": "High St, Town", "cents": 1250, "at": AT, "by": BY,
        "size": "large",
    }  # fmt: skip
    street, _, town = old.pop("where").partition(", ")
    price = Decimal(old.pop("cents")) / 100
    return {**old, "place": {"street": street, "town": town}, "price": price}


def with_weight(old: dict[str, Any]) -> dict[str, Any]:
    return {**old, "weight": 5}


def test_each_version_goes_through_the_functions_from_its_own_on() -> None:
    upcast(Packed, from_version=1)(with_place)
    upcast(Packed, from_version=2)(with_weight)
    versions()
    place = Place(street="High St", town="Town")
    now = Packed(
        parcel="p-1", place=place, price=Decimal("12.50"), at=AT, by=BY, size=Size.LARGE, weight=5
    )
    assert read(WRITTEN) == now
    second = SECOND(
        parcel="p-1", place=place, price=Decimal("12.50"), at=AT, by=BY, size=Size.LARGE
    )
    assert read(second) == now
    assert read(now) == now


def test_without_a_function_it_cannot_be_read() -> None:
    versions()
    with pytest.raises(UnreadableValue, match="place"):
        read(WRITTEN)


def test_what_a_function_makes_is_held_against_the_model_and_its_errors_are_told() -> None:
    versions()
    upcast(Packed, from_version=1)(lambda old: {"parcel": old["parcel"]})
    with pytest.raises(UnreadableValue, match=r"the model refuses.*place"):
        read(WRITTEN)
    delattr(Packed, "__minuet_upcasts__")
    upcast(Packed, from_version=1)(lambda old: old["nothing"])
    with pytest.raises(UnreadableValue, match="KeyError"):
        read(WRITTEN)


def test_two_functions_for_one_version_are_refused_and_a_module_read_again_is_not() -> None:
    upcast(Packed, from_version=1)(with_place)
    upcast(Packed, from_version=1)(with_place)
    with pytest.raises(ValueError, match="it has an upcast"):
        upcast(Packed, from_version=1)(with_weight)
    with pytest.raises(ValueError, match="counted from 1"):
        upcast(Packed, from_version=0)(with_weight)
    assert list(upcasts_of(Packed)) == [1]
