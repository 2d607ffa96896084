"""Unions of records: their names tell them apart, in Avro and for pydantic."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, create_model

from minuet.contracts.codec import Codec
from minuet.contracts.registry import LocalRegistry
from minuet.contracts.schema import avro_schema
from minuet.errors import DefinitionError, UnreadableValue
from minuet.event.model import Event
from tests.unit.contracts import apache


class Strict(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Cat(Strict):
    name: str


class Dog(Strict):
    name: str


class Puppy(Dog):
    pass


def fields(**hints: Any) -> Any:
    fields: Any = {
        name: hint if type(hint) is tuple else (hint, ...) for name, hint in hints.items()
    }
    return create_model("Kept", __base__=Event, __module__="keeping", **fields)


def kept(hint: Any, default: Any = ...) -> Any:
    return fields(pet=(hint, default))


def read(event: Event, reader: Any) -> Any:
    registry = LocalRegistry()
    value, schema, _ = Codec([type(event)], registry).encode(event)
    return Codec([reader], registry).decode("Kept", schema, value)


@pytest.mark.parametrize("pet", [Cat(name="a"), Dog(name="a"), Puppy(name="a")])
@pytest.mark.parametrize("hint", [Cat | Dog | Puppy, Puppy | Dog | Cat, Dog | None | Puppy | Cat])
def test_records_of_the_same_fields_come_back_as_the_same_class(hint: Any, pet: Any) -> None:
    model = kept(hint)
    back = read(model(pet=pet), model)
    assert type(back.pet) is type(pet)
    assert back.pet == pet


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (list[Cat | Dog], [Dog(name="a"), Cat(name="b")]),
        (dict[str, Cat | Dog | None], {"x": Dog(name="a"), "y": None}),
        (int | Dog | str | Cat, "rex"),
        (int | Dog | str | Cat, Dog(name="rex")),
    ],
)
def test_they_may_stand_in_lists_maps_and_beside_others(hint: Any, value: Any) -> None:
    model = kept(hint)
    assert read(model(pet=value), model).pet == value


def test_a_record_met_before_is_named_and_told_apart_too() -> None:
    model = fields(one=Cat, two=Cat | Dog, three=Dog | Cat, four=Cat | None)
    cat, dog = Cat(name="c"), Dog(name="d")
    event = model(one=cat, two=dog, three=cat, four=cat)
    assert read(event, model) == event
    body = Codec([model], LocalRegistry()).encode(event).value[5:]
    assert apache.read(body, avro_schema(model).text) == apache.plain(event)


def test_the_default_may_be_one_of_them() -> None:
    model = kept(Cat | Dog, Dog(name="rex"))
    assert '"default":{"name":"rex"},"name":"pet","type":[{"fields":' in avro_schema(model).text
    empty = create_model("Kept", __base__=Event, __module__="keeping")
    assert read(empty(), model) == model(pet=Dog(name="rex"))


def test_another_version_may_have_more_or_fewer_of_them() -> None:
    one, two = kept(Dog), kept(Cat | Dog)
    optional = kept(Cat | None)
    assert read(one(pet=Dog(name="a")), two) == two(pet=Dog(name="a"))
    assert read(two(pet=Dog(name="a")), one) == one(pet=Dog(name="a"))
    assert read(two(pet=Cat(name="a")), optional) == optional(pet=Cat(name="a"))
    with pytest.raises(UnreadableValue, match=r"pet: written as test_unions\.Cat, read as Dog"):
        read(two(pet=Cat(name="a")), one)
    with pytest.raises(UnreadableValue, match=r"pet: written as test_unions\.Dog, read as Cat"):
        read(two(pet=Dog(name="a")), optional)


def test_what_a_record_in_a_union_refuses_is_named_and_not_shown() -> None:
    short = create_model(
        "Dog", __base__=Strict, __module__=__name__, name=(str, Field(max_length=2))
    )
    before, after = kept(Cat | Dog), kept(Cat | short)
    with pytest.raises(UnreadableValue, match=r"pet: name: .*at most 2") as caught:
        read(before(pet=Dog(name="secret")), after)
    assert "secret" not in str(caught.value)


def test_two_records_of_one_name_are_refused() -> None:
    other = create_model("Dog", __base__=Strict, __module__="elsewhere", name=(str, ...))
    with pytest.raises(DefinitionError, match="two of its types look alike"):
        avro_schema(kept(Dog | other))
