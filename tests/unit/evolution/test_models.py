"""Models from schemas that others wrote: exported again, they give the same schema."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from minuet.contracts.schema import avro_schema
from minuet.errors import ContractError
from minuet.event.model import Event
from minuet.evolution.models import write_models
from tests.unit.contracts.models import Everything, OrderPlaced
from tests.unit.evolution.changes import decimal, enum, field, inner, logical, many, record

PARCEL = {
    "type": "record", "namespace": "acme.parcels", "name": "ParcelSent", "connect.id": 7,
    "doc": 'A "parcel"\nleft.', "compatibility": "BACKWARD", "fields": [
        field(logical("string", "uuid"), "id", doc="who\\ it is"),
        field("string", "recipient", pii=True, aliases=["to", "who"]),
        field(logical("int", "date"), "date"),
        field("int", "weight", default=3),
        field(["null", "float"], "ratio", default=None),
        field(["float", "null"], "share", default=0.5),
        field(["null", "string"], "note"),
        field(decimal(9, 2), "price", default="\x00\x96"),
        field(logical("long", "timestamp-millis"), "sent", default=1_700_000_000_123),
        field(logical("long", "timestamp-micros"), "paid_at", default=-1),
        field(logical("int", "time-millis"), "clock", default=1),
        field(logical("string", "uuid"), "trace", default="00000000-0000-0000-0000-00000000000a"),
        field(enum("small", "LARGE", "Small", "_x", "_", name="Kind", default="small",
                   aliases=["Size"]), "kind", default="LARGE"),
        field(many(inner(field("string", "sku"), field("long", "n", default=1), name="Line")),
              "lines", default=[]),
        field("Line", "line", default={"sku": "it's \"x\"", "n": 2}),
        field(many("Line"), "more", default=[{"sku": "", "n": 0}]),
        field({"type": "map", "values": ["null", "string"]}, "tags", default={}),
        field(["null", inner(field("string", "no"), name="pay.Card"), inner(name="Cash")], "paid",
              default=None),
        field("bytes", "raw", default="a'\u00ff\""),
        field({"type": "string", "avro.java.string": "String"}, "text", default="\\n'\""),
    ],
}  # fmt: skip
ROOT = Path(__file__).resolve().parents[3]


def test_every_kind_of_field_comes_back_as_it_was() -> None:
    source = write_models(json.dumps(PARCEL), "parcel.avsc")  # compares, or refuses
    assert "Left out: avro.java.string, connect.id." in source
    assert '    recipient: Annotated[str, Formerly("to", "who"), Pii()]\n' in source
    assert "    # who/ it is\n    id: UUID\n" in source
    assert '    ratio: Annotated[float, Wire("float")] | None = None\n' in source
    assert "    note: None | str\n" in source
    assert '@contract(namespace="acme.parcels", compatibility="BACKWARD")\n' in source
    assert 'class ParcelSent(Event):\n    """A \'parcel\' left."""\n' in source


def test_the_source_is_one_that_the_linter_takes() -> None:
    small = PARCEL | {"fields": [f for f in PARCEL["fields"] if f["name"] != "sent"]}  # type: ignore[attr-defined]
    source = write_models(json.dumps(small), "parcel.avsc")
    lint = [sys.executable, "-m", "ruff", "check", "--stdin-filename", "schemas/parcels.py", "-"]
    done = subprocess.run(lint, input=source, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.stdout == "All checks passed!\n"


@pytest.mark.parametrize("model", [Everything, OrderPlaced])
def test_what_we_export_we_import(model: type[Event]) -> None:
    write_models(avro_schema(model).text, "a file")


def test_a_name_without_a_namespace_keeps_having_none() -> None:
    source = write_models(json.dumps(record(name="Sold", aliases=["Bought"])), "a file")
    assert '@contract(namespace="", formerly=("Bought",))' in source


@pytest.mark.parametrize(
    ("avro", "why"),
    [
        (record(field({"type": "fixed", "name": "F", "size": 4})), "Sold.a: fixed has no form"),
        (record(field(logical("long", "local-timestamp-micros"))), "Sold.a: local-timestamp"),
        (record(field(logical("long", "timestamp-nanos"))), "Sold.a: timestamp-nanos in long has"),
        (record(field(decimal(9, 2) | {"scale": 12})), "decimal"),
        (record(field(["long"])), "Sold.a: a union of one type"),
        (record(field(many(["null", "int", "long"]))), "Sold.a: two of its types look alike"),
        (record(field("int", "schema")), "Sold.schema: pydantic keeps the name schema"),
        (record(field("int", "_hidden")), "Sold._hidden: pydantic keeps the name _hidden"),
        (record(field("int", "class")), "Sold.class: the name class is taken in Python"),
        (record(field(decimal(10**9, 2), default="")), "a decimal of more than 1,000 digits"),
        (record(field(inner(name="Event"))), "Event: the name Event is taken by what the models"),
        (record(field(inner(name="a.X")), field(inner(name="b.X"), "b")), "X: two types have this"),
        (record(field("long", default="x")), "no usable Avro schema: .*"),
        (record(field(many("long"), default=["x"])), "Sold.a: its default is not of its type"),
        (record(field(["null", "long"], default=3)), "a: the exported model would have another"),
        (record(field(inner(), default={"no": 1})), "Sold.a: its default is not of its type"),
        (record(field("shop.Sold")), "recursive: shop.Sold contains itself"),
        (record(field("Unknown")), "no usable Avro schema"),
        (enum("a"), "an event is a record, and this is not"),
        ("long", "an event is a record, and this is not"),
        ([record()], "an event is a record, and this is not"),
    ],
)  # fmt: skip
def test_what_no_model_keeps_is_refused_with_the_field_and_the_reason(avro: Any, why: str) -> None:
    with pytest.raises(ContractError, match=f"^a file: .*{why}"):
        write_models(json.dumps(avro), "a file")


def test_a_field_may_have_the_name_of_a_type_and_a_default() -> None:
    state = enum("NEW", name="State")
    avro = record(
        field(state, "State", default="NEW"), field("State", "other"),
        field(many("State"), "list", default=[]), field(logical("int", "date"), "day", default=1),
        field("string", "date", default=""), field(["null", "State"], "Sold", default=None),
        name="Sold",
    )  # fmt: skip
    source = write_models(json.dumps(avro), "a file")
    assert "    State: Annotated[State, Field(default=State.NEW)]\n" in source
    assert "    list: Annotated[list[State], Field(default_factory=list)]\n" in source


def test_a_default_of_a_float_may_be_written_without_a_point() -> None:
    avro = record(field("double", default=0), field("float", "b", default=-1))
    assert "    a: float = 0.0\n" in write_models(json.dumps(avro), "a file")


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(ContractError, match="a file: no usable Avro schema"):
        write_models("{", "a file")


EVIL = '"); raise SystemExit("'


@pytest.mark.parametrize(
    "avro",
    [
        record(field("string", default=EVIL, doc=EVIL), doc=f'"""\n{EVIL}'),
        record(field("string", EVIL)),
        record(field("string", "a: int\nraise SystemExit\nb")),
        record(name="Sold:\n raise SystemExit\nclass X"),
        record(name=f"{EVIL}.Sold"),
        record(field("string", aliases=[EVIL])),
        record(aliases=[EVIL]),
        record(field(enum("a", "b = 1\nraise SystemExit\nc"))),
        record(field(enum("a", default=EVIL))),
        record(field(inner(name="L", aliases=["'"])), field("bytes", "b", default=EVIL)),
        record(field(logical("bytes", "decimal", precision=EVIL))),
        record(field("string", **{EVIL: EVIL})),
        {**record(), '""";raise SystemExit;"""': 1},
        record(doc='""";raise SystemExit;"""'),
        record(compatibility=EVIL),
    ],
)
def test_nothing_in_a_schema_is_run_as_python(avro: Any) -> None:
    try:
        source = write_models(json.dumps(avro), "a file")
    except ContractError:
        return
    tree = ast.parse(source)
    assert not any(isinstance(node, ast.Raise) for node in ast.walk(tree))
