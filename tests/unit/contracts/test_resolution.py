"""Events written with another schema than the reader's."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any

import pytest
from pydantic import Field, create_model

from minuet.contracts.codec import Codec
from minuet.contracts.registry import LocalRegistry
from minuet.contracts.schema import Schema, avro_schema, fingerprint_of
from minuet.errors import UnreadableValue
from minuet.event.model import Event
from tests.unit.contracts import apache
from tests.unit.contracts.models import Colour, Line, Money

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
Milli = Annotated[Decimal, Field(max_digits=12, decimal_places=3)]


def version(**fields: Any) -> Any:
    return create_model("Paid", __base__=Event, __module__="paying", **fields)


def read(event: Event, reader: Any) -> Event:
    """Write with one version of the model and read with the other."""
    registry = LocalRegistry()
    value, schema, _ = Codec([type(event)], registry).encode(event)
    return Codec([reader], registry).decode("Paid", schema, value)


def part(**fields: Any) -> Any:
    return create_model("Part", __base__=Event, __module__="paying", **fields)


Part = part(n=(int, ...))
WiderPart = part(n=(int, ...), price=(Money, Decimal("0.50")))


@pytest.mark.parametrize(
    ("old", "new", "written", "expected"),
    [
        ({"a": (int, ...)}, {"a": (int, ...), "b": (str, "x")}, {"a": 1}, {"a": 1, "b": "x"}),
        ({"a": (int, ...), "b": (str, ...)}, {"a": (int, ...)}, {"a": 1, "b": "x"}, {"a": 1}),
        ({}, {"m": (Money, Decimal("1.50"))}, {}, {"m": Decimal("1.50")}),
        ({}, {"m": (Money | None, Decimal("1.50"))}, {}, {"m": Decimal("1.50")}),
        ({}, {"m": (list[Money], [Decimal(2)])}, {}, {"m": [Decimal(2)]}),
        ({}, {"b": (bytes, b"\xff")}, {}, {"b": b"\xff"}),
        (
            {},
            {"t": (datetime, datetime(2026, 1, 1, tzinfo=UTC))},
            {},
            {"t": datetime(2026, 1, 1, tzinfo=UTC)},
        ),
        ({"a": (int, ...)}, {"a": (float, ...)}, {"a": 1}, {"a": 1.0}),
        ({"a": (int, ...)}, {"a": (int | None, None)}, {"a": 1}, {"a": 1}),
        ({"a": (str, ...)}, {"a": (int | str, ...)}, {"a": "x"}, {"a": "x"}),
        ({"m": (Money, ...)}, {"m": (str | Money, ...)}, {"m": Decimal(1)}, {"m": Decimal(1)}),
        (
            {"b": (str, ...), "a": (int, ...)},
            {"a": (int, ...), "b": (str, ...)},
            {"a": 1, "b": "x"},
            {"a": 1, "b": "x"},
        ),
        (
            {"p": (list.__class_getitem__(Part), ...)},
            {"p": (list.__class_getitem__(WiderPart), ...)},
            {"p": [Part(n=1)]},
            {"p": [WiderPart(n=1)]},
        ),
        ({}, {"p": (WiderPart, WiderPart(n=2))}, {}, {"p": WiderPart(n=2)}),
    ],
)
def test_another_version_is_read_as_avro_resolves_it(
    old: dict[str, Any], new: dict[str, Any], written: dict[str, Any], expected: dict[str, Any]
) -> None:
    before, after = version(**old), version(**new)
    assert read(before(**written), after) == after(**expected)


def test_apache_avro_resolves_a_version_to_the_same_event() -> None:
    before = version(a=(int, ...), gone=(str, ...), m=(Money, ...))
    after = version(m=(Money, ...), a=(float, ...), added=(str | None, None))
    event = before(a=1, gone="x", m=Decimal("1.25"))
    body = Codec([before], LocalRegistry()).encode(event).value[5:]
    datum = apache.read(body, avro_schema(before).text, avro_schema(after).text)
    assert apache.plain(read(event, after)) == datum


class Stored(LocalRegistry):
    """Gives one text for every fingerprint, as a store that others write to might."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def find(self, fingerprint: str, number: int = 0) -> Schema | None:
        return Schema("paying.Paid", self.text, fingerprint)


class Two(Enum):
    ONE = "one"
    TWO = "two"


class One(Enum):
    ONE = "one"


One.__name__ = "Two"


@pytest.mark.parametrize(
    ("old", "new", "written", "why"),
    [
        ({"m": Money}, {"m": Milli}, Decimal(1), r"m: written as decimal\(12, 2\), read as .*, 3"),
        ({"m": Money}, {"m": bytes}, Decimal(1), r"m: written as decimal\(12, 2\), read as bytes"),
        ({"m": bytes}, {"m": Money}, b"\x01", r"m: written as bytes, read as decimal\(12, 2\)"),
        ({"m": datetime}, {"m": float | None}, MOMENT, "m: written as timestamp-micros"),
        ({"m": datetime | None}, {"m": float | None}, MOMENT, "m: written as timestamp-micros"),
        ({"m": str | None}, {"m": str}, None, "m: written as null, read as string"),
        ({"m": list[Money]}, {"m": list[Milli]}, [], "m: written as decimal"),
        ({"m": str}, {"m": int}, "x", "m: written as string, read as long"),
        ({"m": str}, {"m": bytes | int}, "x", "m: written as string, read as a union without it"),
        ({"m": Two}, {"m": One}, Two.TWO, "m: a symbol that Two does not have"),
        ({"m": Two}, {"m": Colour}, Two.TWO, "m: written as .*Two, read as Colour"),
        ({"m": Part}, {"m": Line}, Part(n=1), r"m: written as paying\.Part, read as Line"),
        ({"a": int}, {"a": int, "m": int}, 1, "m: not written, and it has no default"),
    ],
)
def test_what_would_be_read_as_another_value_is_unreadable(
    old: dict[str, Any], new: dict[str, Any], written: Any, why: str
) -> None:
    before = version(**{name: (hint, ...) for name, hint in old.items()})
    after = version(**{name: (hint, ...) for name, hint in new.items()})
    with pytest.raises(UnreadableValue, match=why):
        read(before(**dict.fromkeys(old, written)), after)


def test_a_branch_that_the_reader_has_not_matters_only_when_it_is_met() -> None:
    before, after = version(m=(int | str | None, ...)), version(m=(float | None, ...))
    assert read(before(m=1), after) == after(m=1.0)
    assert read(before(m=None), after) == after(m=None)
    with pytest.raises(UnreadableValue, match="m: written as string, read as a union without it"):
        read(before(m="x"), after)


def decode_with(avro: Any, body: bytes, fingerprint: str = "") -> Event:
    """Read a body whose stored schema is `avro`, as somebody else may have written it."""
    text = avro if isinstance(avro, str) else json.dumps(avro)
    fingerprint = fingerprint or fingerprint_of(text)
    codec = Codec([version(a=(int, 0))], Stored(text))
    return codec.decode("Paid", b"urn:minuet:avro:" + fingerprint.encode(), b"\x00" * 5 + body)


def paid(*fields: Any) -> dict[str, Any]:
    named = [{"name": f"f{n}", "type": each} for n, each in enumerate(fields)]
    return {"type": "record", "name": "paying.Paid", "fields": named}


ARRAY = {"type": "array", "items": "null"}
NOTHING = {"type": "record", "name": "paying.Nothing", "fields": []}
TWINS = ["int", "long"]
DEEP: Any = "int"
for _ in range(40):
    DEEP = {"type": "array", "items": DEEP}


@pytest.mark.parametrize(
    ("avro", "why"),
    [
        (paid(["null", "paying.Paid"]), "recursive: paying.Paid contains itself"),
        (paid({"type": "array", "items": "paying.Paid"}), "recursive"),
        (paid(ARRAY), "items without bytes"),
        (paid(["null", ARRAY]), "items without bytes"),
        (paid({"type": "map", "values": ARRAY}), "items without bytes"),
        (paid(NOTHING, {"type": "array", "items": "paying.Nothing"}), "items without bytes"),
        (
            paid({"type": "array", "items": {"type": "fixed", "name": "a.F", "size": 0}}),
            "items without bytes",
        ),
        (paid(DEEP), "nested more than 32 deep"),
        (
            {"type": "record", "name": "paying.Refunded", "fields": []},
            r"written as paying\.Refunded, read as Paid",
        ),
        ("{}", "cannot be used"),
        ("nonsense", "cannot be used"),
        ('"long"', "cannot be used"),
        (paid("paying.Unknown"), "cannot be used"),
        (
            {"type": "record", "name": "paying.Paid", "fields": [{"name": "a", "type": TWINS}]},
            "a: a union of types that look alike",
        ),
    ],
)
def test_a_stored_schema_that_is_dangerous_or_wrong_is_not_used(avro: Any, why: str) -> None:
    with pytest.raises(UnreadableValue, match=why):
        decode_with(avro, b"\xfe\xff\xff\xff\x0f")


def test_a_stored_schema_must_have_the_fingerprint_it_is_named_by() -> None:
    with pytest.raises(UnreadableValue, match="another fingerprint"):
        decode_with(paid("int"), b"\x02", fingerprint="0123456789abcdef")


def test_a_foreign_schema_in_short_names_is_read() -> None:
    avro = {
        "type": "record", "namespace": "other", "name": "Paid", "doc": "kept elsewhere",
        "fields": [
            {"name": "a", "type": "int"},
            {"name": "b", "type": {"type": "enum", "name": "E", "symbols": ["x"]}},
            {"name": "c", "type": "E"},
            {"name": "d", "type": {"type": "bytes", "logicalType": "decimal", "precision": 4}},
        ],
    }  # fmt: skip
    assert decode_with(avro, b"\x0e\x00\x00\x02\x01").model_dump() == {"a": 7}
