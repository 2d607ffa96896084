from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from hashlib import sha256
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

import avro.schema
import pytest
from pydantic import AwareDatetime, ConfigDict, Field, NaiveDatetime, RootModel, create_model

from minuet.contracts.schema import avro_schema, read_schema
from minuet.errors import ContractError, DefinitionError
from minuet.event.model import Event, Request
from minuet.event.platform import PLATFORM_EVENTS, StepRetrying
from tests.unit.contracts.models import Colour, Everything, Line, Money, OrderPlaced, Speed

MOMENT = datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)


def made(hint: Any, default: Any = ...) -> type[Event]:
    fields: dict[str, Any] = {"field": (hint, default)}
    model: type[Event] = create_model("Made", __base__=Event, __module__="made", **fields)
    return model


def field_of(hint: Any, default: Any = ...) -> dict[str, Any]:
    (field,) = json.loads(avro_schema(made(hint, default)).text)["fields"]
    del field["name"]
    found: dict[str, Any] = field
    return found


def test_the_text_of_a_schema_is_pinned() -> None:
    assert avro_schema(OrderPlaced).text == (
        '{"fields":[{"name":"order_id","type":"string"},{"name":"customer","type":"string"},'
        '{"name":"total","type":{"logicalType":"decimal","precision":12,"scale":2,"type":"bytes"}},'
        '{"name":"placed_at","type":{"logicalType":"timestamp-micros","type":"long"}},'
        '{"name":"items","type":"long"},{"default":null,"name":"note","type":["null","string"]}],'
        '"name":"models.OrderPlaced","type":"record"}'
    )


def test_the_fingerprint_is_the_beginning_of_the_texts_sha256() -> None:
    schema = avro_schema(OrderPlaced)
    assert schema.fingerprint == sha256(schema.text.encode()).hexdigest()[:16]
    assert read_schema(schema.text) == schema


def test_the_scale_of_a_decimal_changes_the_fingerprint() -> None:
    two, three = (
        avro_schema(made(Annotated[Decimal, Field(max_digits=9, decimal_places=places)]))
        for places in (2, 3)
    )
    assert two.fingerprint != three.fingerprint


def test_a_docstring_does_not_change_the_fingerprint() -> None:
    plain, documented = made(int), made(int)
    documented.__doc__ = "Something else."
    assert avro_schema(plain) == avro_schema(documented)


def test_platform_events_are_named_minuet_whatever_their_module() -> None:
    assert avro_schema(StepRetrying).name == "minuet.StepRetrying"


def test_other_events_are_named_by_the_last_part_of_their_module() -> None:
    assert avro_schema(Everything).name == "models.Everything"


@pytest.mark.parametrize("model", [Everything, OrderPlaced, *PLATFORM_EVENTS.values()])
def test_apache_avro_accepts_the_schema(model: type[Event]) -> None:
    avro.schema.parse(avro_schema(model).text)


def test_a_named_type_is_written_out_once() -> None:
    text = avro_schema(Everything).text
    assert text.count('"name":"models.Line"') == 1
    assert text.count('"name":"models.Colour"') == 1


class ReleaseStock(Request):
    sku: str


def test_inherited_fields_come_first() -> None:
    names = [field["name"] for field in json.loads(avro_schema(ReleaseStock).text)["fields"]]
    assert names == ["saga_id", "undoes", "reason", "sku"]


@pytest.mark.parametrize(
    ("hint", "avro_type"),
    [
        (int, "long"),
        (float, "double"),
        (UUID, {"type": "string", "logicalType": "uuid"}),
        (date, {"type": "int", "logicalType": "date"}),
        (time, {"type": "long", "logicalType": "time-micros"}),
        (datetime, {"type": "long", "logicalType": "timestamp-micros"}),
        (AwareDatetime, {"type": "long", "logicalType": "timestamp-micros"}),
        (Colour, {"type": "enum", "name": "models.Colour", "symbols": ["red", "blue"]}),
        (Literal["a", "b"], "string"),
        (Literal[1, 2], "long"),
        (int | None, ["long", "null"]),
        (list[int | None], {"type": "array", "items": ["long", "null"]}),
        (tuple[str, ...], {"type": "array", "items": "string"}),
        (dict[str, bytes], {"type": "map", "values": "bytes"}),
        (int | str | bytes, ["long", "string", "bytes"]),
    ],
)
def test_a_type_has_one_form(hint: Any, avro_type: Any) -> None:
    assert field_of(hint) == {"type": avro_type}


@pytest.mark.parametrize(
    ("hint", "default", "said"),
    [
        (int, 3, 3),
        (bool, False, False),
        (Money, Decimal("1.50"), "\x00\x96"),
        (Money, Decimal("-0.01"), "\xff"),
        (bytes, b"\x00\xff", "\x00\xff"),
        (datetime, MOMENT, -1),
        (date, date(1970, 1, 2), 1),
        (time, time(0, 0, 1), 1_000_000),
        (UUID, UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Colour, Colour.BLUE, "blue"),
        (list[Money], [Decimal(1)], ["d"]),
        (dict[str, Colour], {"a": Colour.RED}, {"a": "red"}),
        (int | None, None, None),
        (int | None, 7, 7),
        (str | Money | None, Decimal("1.00"), "d"),
    ],
)
def test_a_default_is_said_as_avro_says_it(hint: Any, default: Any, said: Any) -> None:
    field = field_of(hint, default)
    assert field["default"] == said
    avro.schema.parse(avro_schema(made(hint, default)).text)


def test_the_branch_of_the_default_comes_first() -> None:
    assert field_of(int | None, None)["type"] == ["null", "long"]
    assert field_of(int | None, 7)["type"] == ["long", "null"]
    assert field_of(int | Literal["a"] | None, "a")["type"] == ["string", "long", "null"]


def test_a_default_factory_that_always_gives_the_same_is_a_default() -> None:
    assert field_of(list[int], Field(default_factory=list)) == {
        "default": [],
        "type": {"type": "array", "items": "long"},
    }


class Open(Event):
    model_config = ConfigDict(extra="allow")


class Number(RootModel[int]):
    pass


class Level(IntEnum):
    LOW = 1


class Dashed(Enum):
    IN_TRANSIT = "in-transit"


class Tree(Event):
    children: list[Tree]


class Empty(Event):
    pass


@pytest.mark.parametrize(
    ("hint", "default", "why"),
    [
        (Decimal, ..., r"must say its digits\n.*max_digits=12, decimal_places=2"),
        (Annotated[Decimal, Field(decimal_places=2)], ..., "must say its digits"),
        (Annotated[Decimal, Field(max_digits=10**9, decimal_places=2)], ..., "more than 1,000 dig"),
        (set[str], ..., r"set has no exact form in Avro\n.*no order"),
        (timedelta, ..., r"timedelta .*\n.*wait_ms"),
        (NaiveDatetime, ..., r"NaiveDatetime .*\n.*UTC"),
        (Any, ..., "Any has no exact form"),
        (dict, ..., "dict has no exact form"),
        (dict[int, str], ..., "dict has no exact form"),
        (tuple[int, str], ..., "tuple has no exact form"),
        (complex, ..., "complex has no exact form"),
        (datetime | int, ..., "two of its types look alike"),
        (UUID | str, ..., "two of its types look alike"),
        (Line | dict[str, int], ..., "two of its types look alike"),
        (Colour | Speed, ..., "two of its types look alike"),
        (Literal["a", 1], ..., "a Literal of several types"),
        (Level, ..., "no Avro symbols"),
        (Dashed, ..., "no Avro symbols"),
        (Tree, ..., "Made.field.children: Tree contains itself"),
        (Open, ..., "Open allows extra fields"),
        (Number, ..., "Number is a RootModel"),
        (list[None], ..., "None has no exact form"),
        (list[Empty], ..., "an array of items without bytes"),
        (str, Field(alias="other"), "has an alias"),
        (UUID, Field(default_factory=uuid4), "a default that differs each time"),
        (str, None, "the default is a NoneType"),
        (Money, Decimal("0.001"), "the default: not a decimal"),
        (list[int | None], [1], "holds a value of a union"),
        (float, float("inf"), "JSON cannot say"),
    ],
)
def test_what_would_not_come_back_equal_is_refused(hint: Any, default: Any, why: str) -> None:
    with pytest.raises(DefinitionError, match=why):
        avro_schema(made(hint, default))


class Wrong(Event):
    lines: list[set[str]]


def test_a_refusal_says_where() -> None:
    with pytest.raises(DefinitionError, match=r"Wrong\.lines: set") as caught:
        avro_schema(Wrong)
    assert caught.value.file == __file__
    assert caught.value.line > 0


def test_two_types_of_one_avro_name_are_refused() -> None:
    one, other = (
        create_model("Twin", __base__=Event, __module__=module, x=(int, ...))
        for module in ("a.twins", "b.twins")
    )
    both: type[Event] = create_model("Both", __base__=Event, one=(one, ...), other=(other, ...))
    with pytest.raises(DefinitionError, match=r"two types are named twins\.Twin"):
        avro_schema(both)


@pytest.mark.parametrize("text", ["", "[]", "{}", '"long"', "[" * 100_000])
def test_a_stored_text_that_is_no_schema_is_refused(text: str) -> None:
    with pytest.raises(ContractError, match="not the JSON of an Avro record"):
        read_schema(text)
