"""What a model says of itself beyond its types, in the schema and in reading."""

from __future__ import annotations

import json
from datetime import UTC, datetime, time
from enum import Enum
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, create_model

from minuet.contracts.codec import Codec
from minuet.contracts.registry import LocalRegistry
from minuet.contracts.schema import avro_schema
from minuet.errors import ContractError, DefinitionError, UnreadableValue
from minuet.event.marks import Formerly, Pii, Wire, contract
from minuet.event.model import Event
from tests.unit.contracts import apache

Email = Annotated[str, Pii()]
MOMENT = datetime(2026, 1, 1, 12, 0, 0, 5000, tzinfo=UTC)


@contract(formerly=("Parcel",))
class Box(BaseModel):
    weight: int


Parcel = create_model("Parcel", __module__=__name__, weight=(int, ...))


@contract(unknown="other")
class Carrier(Enum):
    SHIP = "ship"
    OTHER = "other"


class MoreCarriers(Enum):
    SHIP = "ship"
    PLANE = "plane"
    OTHER = "other"


MoreCarriers.__name__ = "Carrier"


def sent(**fields: Any) -> Any:
    return create_model("Sent", __base__=Event, __module__="sending", **fields)


def fields_of(model: Any) -> dict[str, Any]:
    return {f["name"]: f for f in json.loads(avro_schema(model).text)["fields"]}


def read(event: Event, reader: Any) -> Event:
    registry = LocalRegistry()
    value, schema, _ = Codec([type(event)], registry).encode(event)
    return Codec([reader], registry).decode("Sent", schema, value)


@pytest.mark.parametrize(
    "hint",
    [
        Annotated[str, Pii()], Annotated[str, Pii], Email, Email | None, list[Email],
        dict[str, Email], Annotated[str | None, Pii()],
    ],
)  # fmt: skip
def test_a_pii_mark_stands_in_the_schema_wherever_it_is_written(hint: Any) -> None:
    assert fields_of(sent(a=(hint, ...), b=(str, ...)))["a"]["pii"] is True


def test_what_is_not_marked_is_not_pii() -> None:
    assert "pii" not in fields_of(sent(a=(Annotated[str, "a note"], ...)))["a"]


def test_a_pii_mark_changes_the_schema_and_not_the_reading() -> None:
    plain, marked = sent(a=(str, ...)), sent(a=(Email, ...))
    assert avro_schema(plain).fingerprint != avro_schema(marked).fingerprint
    assert read(plain(a="x"), marked) == marked(a="x")
    assert read(marked(a="x"), plain) == plain(a="x")
    body = Codec([marked], LocalRegistry()).encode(marked(a="x")).value[5:]
    assert apache.read(body, avro_schema(marked).text) == {"a": "x"}


def test_a_renamed_field_is_read_under_its_former_name() -> None:
    before, after = sent(id=(str, ...)), sent(parcel_id=(Annotated[str, Formerly("no", "id")], ...))
    assert fields_of(after)["parcel_id"]["aliases"] == ["no", "id"]
    assert read(before(id="x"), after) == after(parcel_id="x")


def test_the_name_of_now_is_read_before_a_former_one() -> None:
    before = sent(a=(int, ...), b=(int, ...))
    after = sent(b=(Annotated[int, Formerly("a")], ...))
    assert read(before(a=1, b=2), after) == after(b=2)


def test_a_former_name_that_another_field_has_now_is_refused() -> None:
    with pytest.raises(DefinitionError, match=r"Sent\.b: a was its name and is another field's"):
        avro_schema(sent(a=(int, ...), b=(Annotated[int, Formerly("a")], ...)))


def test_a_renamed_type_is_read_under_its_former_name() -> None:
    before, after = sent(p=(Parcel, ...)), sent(p=(Box, ...))
    assert fields_of(after)["p"]["type"]["aliases"] == ["Parcel"]
    assert read(before(p=Parcel(weight=1)), after) == after(p=Box(weight=1))
    with pytest.raises(UnreadableValue, match=r"written as test_marks\.Box, read as Parcel"):
        read(after(p=Box(weight=1)), before)


def test_a_symbol_that_is_not_known_is_read_as_what_the_enum_says() -> None:
    before, after = sent(c=(MoreCarriers, ...)), sent(c=(Carrier, ...))
    assert fields_of(after)["c"]["type"]["default"] == "other"
    assert read(before(c=MoreCarriers.PLANE), after) == after(c=Carrier.OTHER)
    assert read(before(c=MoreCarriers.SHIP), after) == after(c=Carrier.SHIP)


def test_an_enum_must_have_what_unknown_symbols_are_read_as() -> None:
    @contract(unknown="nothing")
    class Wrong(Enum):
        A = "a"

    with pytest.raises(DefinitionError, match="Wrong has no 'nothing'"):
        avro_schema(sent(a=(Wrong, ...)))


def test_a_namespace_takes_the_place_of_the_modules_name() -> None:
    model = contract(namespace="com.acme")(sent(a=(int, ...)))
    assert avro_schema(model).name == "com.acme.Sent"


def test_less_than_full_compatibility_stands_in_the_schema_of_the_event_alone() -> None:
    @contract(compatibility="BACKWARD")
    class Less(Event):
        a: int

    class Further(Less):
        b: int

    assert json.loads(avro_schema(Less).text)["compatibility"] == "BACKWARD"
    assert "compatibility" not in avro_schema(Further).text


def test_a_compatibility_that_is_none_is_refused_with_the_list() -> None:
    with pytest.raises(ValueError, match="'SIDEWAYS' is no compatibility: write one of FULL_TRANS"):
        contract(compatibility="SIDEWAYS")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("hint", "form", "avro_type", "good", "bad", "why"),
    [
        (int, "int", "int", -(2**31), 2**31, "does not fit in 32 bits"),
        (float, "float", "float", 0.5, 0.1, "32 bits cannot keep"),
        (float, "float", "float", float("-inf"), 1e300, "32 bits cannot keep"),
        (
            datetime, "timestamp-millis", {"type": "long", "logicalType": "timestamp-millis"},
            MOMENT, MOMENT.replace(microsecond=5001), "microseconds, where milliseconds",
        ),
        (
            time, "time-millis", {"type": "int", "logicalType": "time-millis"},
            time(23, 59, 59, 999000), time(0, 0, 0, 1), "microseconds, where milliseconds",
        ),
    ],
)  # fmt: skip
def test_another_form_on_the_wire_is_exact_or_refused(
    hint: Any, form: Any, avro_type: Any, good: Any, bad: Any, why: str
) -> None:
    model = sent(a=(Annotated[hint, Wire(form)], ...), b=(Annotated[hint | None, Wire(form)], None))
    assert fields_of(model)["a"]["type"] == avro_type
    event = model(a=good, b=good)
    assert read(event, model) == event
    body = Codec([model], LocalRegistry()).encode(event).value[5:]
    assert apache.read(body, avro_schema(model).text) == {"a": good, "b": good}
    with pytest.raises(ContractError, match=why):
        Codec([model], LocalRegistry()).encode(model(a=bad))


def test_a_form_that_is_not_for_the_type_is_refused() -> None:
    with pytest.raises(DefinitionError, match=r"Wire\('int'\) is not for str"):
        avro_schema(sent(a=(Annotated[str, Wire("int")], ...)))


def test_a_whole_number_that_a_float_cannot_keep_is_not_rounded() -> None:
    before, after = sent(a=(int, ...)), sent(a=(float, ...))
    assert read(before(a=2**53), after) == after(a=float(2**53))
    with pytest.raises(UnreadableValue, match="a whole number that a float cannot keep"):
        read(before(a=2**53 + 1), after)
