"""Changes of a schema, each with what the Avro specification says of them.

A row is: what is changed; the old and the new schema; whether the new reads what the old wrote
(backward) and the old what the new wrote (forward), by the specification; and which rules of
Minuet's own refuse it nevertheless, in which direction.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from minuet.evolution.resolving import Rule


class Change(NamedTuple):
    what: str
    old: Any
    new: Any
    backward: bool
    forward: bool
    beyond_backward: frozenset[Rule] = frozenset()
    beyond_forward: frozenset[Rule] = frozenset()


BOTH, NEITHER = (True, True), (False, False)
BACKWARD, FORWARD = (True, False), (False, True)
MEANING = frozenset({Rule.MEANING})
PRECISION = frozenset({Rule.PRECISION})
TEXT = frozenset({Rule.TEXT})


def field(type_: Any, name: str = "a", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": type_, **more}


def record(*fields: Any, name: str = "shop.Sold", **more: Any) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": [field("string", "id"), *fields], **more}


def inner(*fields: Any, name: str = "shop.Line", **more: Any) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": list(fields), **more}


def logical(kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "logicalType": name, **more}


def decimal(precision: int, scale: int) -> dict[str, Any]:
    return logical("bytes", "decimal", precision=precision, scale=scale)


def enum(*symbols: str, name: str = "shop.Colour", **more: Any) -> dict[str, Any]:
    return {"type": "enum", "name": name, "symbols": list(symbols), **more}


def fixed(size: int, name: str = "shop.Hash", **more: Any) -> dict[str, Any]:
    return {"type": "fixed", "name": name, "size": size, **more}


def many(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


def by_name(values: Any) -> dict[str, Any]:
    return {"type": "map", "values": values}


def typed(what: str, old: Any, new: Any, verdict: tuple[bool, bool], *beyond: Any) -> Change:
    """A change of one field's type."""
    return Change(what, record(field(old)), record(field(new)), *verdict, *beyond)


NONE: frozenset[Rule] = frozenset()
CARD = inner(field("string", "number"), name="shop.Card")
CASH = inner(field("long", "cents"), name="shop.Cash")
BANK = inner(field("string", "iban"), name="shop.Bank")

ADDED_AND_REMOVED = [
    Change("nothing", record(field("int")), record(field("int")), *BOTH),
    Change("add a field with a default", record(), record(field("int", default=0)), *BOTH),
    Change("add a field without a default", record(), record(field("int")), *FORWARD),
    Change("add an optional field, default null", record(),
           record(field(["null", "int"], default=None)), *BOTH),
    Change("add an optional field without a default", record(), record(field(["null", "int"])),
           *FORWARD),
    Change("remove a field with a default", record(field("int", default=0)), record(), *BOTH),
    Change("remove a field without a default", record(field("int")), record(), *BACKWARD),
    Change("put fields in another order", record(field("int"), field("long", "b")),
           record(field("long", "b"), field("int")), *BOTH),
    Change("give a field a default", record(field("int")), record(field("int", default=1)), *BOTH),
    Change("take a default away", record(field("int", default=1)), record(field("int")), *BOTH),
    Change("change a default", record(field("int", default=1)), record(field("int", default=2)),
           *BOTH),
    Change("add a field whose default is of another type", record(),
           record(field(many("int"), default=["0"])), *FORWARD),
    Change("add a field whose default is too large", record(),
           record(field("int", default=2**31)), *FORWARD),
    Change("add an optional field, default of the second branch", record(),
           record(field(["null", "int"], default=1)), *BOTH),
    Change("add an enum field with a default of the enum only", record(),
           record(field(enum("red", default="red"))), *FORWARD),
    Change("add an enum field whose default is no symbol", record(),
           record(field(enum("red"), default="blue")), *FORWARD),
    Change("add a record whose default lacks a field", record(),
           record(field(inner(field(["null", "int"])), default={})), *FORWARD),
    Change("replace a field by one with a default", record(field("int")),
           record(field("int", "b", default=0)), *BACKWARD),
    Change("write a comment", record(field("int")), record(field("int", doc="x"), doc="y"), *BOTH),
    Change("mark a field as personal", record(field("string")), record(field("string", pii=True)),
           *BOTH),
]  # fmt: skip

RENAMED = [
    Change("rename a field", record(field("int")), record(field("int", "b")), *NEITHER),
    Change("rename a field with an alias", record(field("int")),
           record(field("int", "b", aliases=["a"])), *BACKWARD),
    Change("rename a field with an alias, both with defaults", record(field("int", default=0)),
           record(field("int", "b", aliases=["a"], default=0)), *BOTH),
    Change("rename a field with the alias of another", record(field("int")),
           record(field("int", "b", aliases=["c"])), *NEITHER),
    Change("rename the event", record(name="shop.Sold"), record(name="shop.Bought"), *NEITHER),
    Change("rename the event with an alias", record(name="shop.Sold"),
           record(name="shop.Bought", aliases=["shop.Sold"]), *BACKWARD),
    Change("move the event to another namespace", record(name="shop.Sold"),
           record(name="market.Sold"), *BOTH),
    typed("rename a record", inner(), inner(name="shop.Row"), NEITHER),
    typed("rename a record with its full name as alias", inner(),
          inner(name="shop.Row", aliases=["shop.Line"]), BACKWARD),
    typed("rename a record with its short name as alias", inner(),
          inner(name="shop.Row", aliases=["Line"]), BACKWARD),
    typed("rename a record, the alias in another namespace", inner(),
          inner(name="shop.Row", aliases=["market.Line"]), NEITHER),
    typed("rename an enum with an alias", enum("red"),
          enum("red", name="shop.Paint", aliases=["Colour"]), BACKWARD),
    typed("rename a fixed with an alias", fixed(4),
          fixed(4, name="shop.Digest", aliases=["Hash"]), BACKWARD),
]  # fmt: skip

PROMOTED = [
    typed("int to long", "int", "long", BACKWARD),
    typed("int to float", "int", "float", BACKWARD, PRECISION),
    typed("int to double", "int", "double", BACKWARD),
    typed("long to float", "long", "float", BACKWARD, PRECISION),
    typed("long to double", "long", "double", BACKWARD, PRECISION),
    typed("float to double", "float", "double", BACKWARD),
    typed("string to bytes", "string", "bytes", BOTH, TEXT, TEXT),
    typed("long to string", "long", "string", NEITHER),
    typed("boolean to int", "boolean", "int", NEITHER),
    typed("int to an array of int", "int", many("int"), NEITHER),
    typed("items of int to long", many("int"), many("long"), BACKWARD),
    typed("values of int to string", by_name("int"), by_name("string"), NEITHER),
    typed("a map to an array", by_name("int"), many("int"), NEITHER),
    typed("a record to a map", inner(field("int")), by_name("int"), NEITHER),
    typed("fixed to bytes", fixed(4), "bytes", NEITHER),
    typed("fixed of another size", fixed(4), fixed(8), NEITHER),
    typed("enum to string", enum("red"), "string", NEITHER),
]  # fmt: skip

SYMBOLS = [
    typed("add a symbol", enum("red"), enum("red", "blue"), BACKWARD),
    typed("remove a symbol", enum("red", "blue"), enum("red"), FORWARD),
    typed("add a symbol, both with a default", enum("red", default="red"),
          enum("red", "blue", default="red"), BOTH),
    typed("remove a symbol, the new with a default", enum("red", "blue"),
          enum("red", default="red"), BOTH),
    typed("put symbols in another order", enum("red", "blue"), enum("blue", "red"), BOTH),
    typed("replace all symbols", enum("red"), enum("blue"), NEITHER),
    typed("add a symbol inside an optional list", ["null", many(enum("red"))],
          ["null", many(enum("red", "blue"))], BACKWARD),
]  # fmt: skip

UNIONS = [
    typed("make optional", "int", ["null", "int"], BACKWARD),
    typed("make required", ["null", "int"], "int", FORWARD),
    typed("add a branch", ["null", "int"], ["null", "int", "string"], BACKWARD),
    typed("remove a branch", ["null", "int", "string"], ["null", "int"], FORWARD),
    typed("put branches in another order", ["null", "int"], ["int", "null"], BOTH),
    typed("widen a branch", ["null", "int"], ["null", "long"], BACKWARD),
    typed("add a wider branch beside the narrow", ["null", "int"], ["null", "int", "long"],
          BACKWARD),
    typed("a union of one to its type", ["int"], "int", BOTH),
    typed("add a record to a union of records", [CARD, CASH], [CARD, CASH, BANK], BACKWARD),
    typed("replace a record in a union of records", [CARD, CASH], [CARD, BANK], NEITHER),
    typed("change a record in a union of records", [CARD, CASH],
          [CARD, inner(field("long", "cents"), field("int", "b"), name="shop.Cash")], FORWARD),
    typed("put two unions without a common branch", ["null", "int"], ["string", "boolean"],
          NEITHER),
]  # fmt: skip

NESTED = [
    typed("add a field with a default to items", many(inner(field("int"))),
          many(inner(field("int"), field("int", "b", default=0))), BOTH),
    typed("add a field without one to values", by_name(inner()), by_name(inner(field("int"))),
          FORWARD),
    typed("change a decimal two levels down", many(inner(field(by_name(decimal(9, 2))))),
          many(inner(field(by_name(decimal(9, 3))))), NEITHER),
]  # fmt: skip

LOGICAL = [
    typed("another scale of a decimal", decimal(9, 2), decimal(9, 3), NEITHER),
    typed("another precision of a decimal", decimal(9, 2), decimal(12, 2), NEITHER),
    typed("a decimal to bytes", decimal(9, 2), "bytes", BOTH, MEANING, MEANING),
    typed("a decimal in bytes to one in a fixed", decimal(9, 2),
          fixed(4, logicalType="decimal", precision=9, scale=2), NEITHER),
    typed("a scale of 0 that is not written", decimal(9, 0),
          logical("bytes", "decimal", precision=9), BOTH),
    typed("timestamp-millis to micros", logical("long", "timestamp-millis"),
          logical("long", "timestamp-micros"), BOTH, MEANING, MEANING),
    typed("a timestamp to a local one", logical("long", "timestamp-micros"),
          logical("long", "local-timestamp-micros"), BOTH, MEANING, MEANING),
    typed("a timestamp to a long", logical("long", "timestamp-micros"), "long", BOTH, MEANING,
          MEANING),
    typed("a date to a timestamp", logical("int", "date"), logical("long", "timestamp-millis"),
          BACKWARD, MEANING),
    typed("time-millis to micros", logical("int", "time-millis"), logical("long", "time-micros"),
          BACKWARD, MEANING),
    typed("uuid to string", logical("string", "uuid"), "string", BOTH, NONE, MEANING),
    typed("an optional timestamp to an optional long",
          ["null", logical("long", "timestamp-micros")], ["null", "long"], BOTH, MEANING, MEANING),
]  # fmt: skip

CHANGES = [
    *ADDED_AND_REMOVED, *RENAMED, *PROMOTED, *SYMBOLS, *UNIONS, *NESTED, *LOGICAL,
]  # fmt: skip
