"""The AsyncAPI document is one by the official schema, and says what the workflow says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import jsonschema_rs
import pytest
from fastavro.schema import to_parsing_canonical_form
from pydantic import BaseModel
from typer.testing import CliRunner

from minuet.cli import main
from minuet.contracts.schema import avro_schema
from minuet.description.asyncapi import _named, asyncapi
from minuet.event.marks import Formerly
from minuet.event.model import Event
from minuet.spec import project
from tests.unit.description.specs import ROOT

OFFICIAL = json.loads((Path(__file__).parent / "asyncapi" / "3.0.0.json").read_text("utf-8"))
VALIDATOR = jsonschema_rs.validator_for(OFFICIAL)


def document(name: str, bootstrap: str = "") -> dict[str, Any]:
    return asyncapi(project.load(name, ROOT), bootstrap)


def wrong(found: dict[str, Any]) -> list[str]:
    return [f"{each.instance_path}: {each.message[:300]}" for each in VALIDATOR.iter_errors(found)]


@pytest.mark.parametrize("name", ["orders", "refunds"])
def test_it_is_valid_by_the_official_schema(name: str) -> None:
    assert wrong(document(name)) == []
    assert wrong(document(name, "one:9092, two:9092")) == []


def test_the_schema_does_look() -> None:
    spoils: tuple[Callable[[dict[str, Any]], None], ...] = (
        lambda d: d["channels"]["log"].update(addres="x"),
        lambda d: d["operations"]["reserve_stock.send"].update(action="say"),
        lambda d: d["components"]["messages"]["OrderPlaced"]["payload"]["schema"].update(type="x"),
        lambda d: d["components"]["messages"]["OrderPlaced"]["bindings"]["kafka"].update(keys={}),
    )
    for spoil in spoils:
        found = document("orders")
        spoil(found)
        assert wrong(found) != []


def test_every_reference_leads_somewhere() -> None:
    found = document("orders")

    def walk(value: Any) -> None:
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            if key == "$ref":
                place: Any = found
                for word in each.removeprefix("#/").split("/"):
                    place = place[word]
            elif isinstance(each, dict | list):
                walk(each)

    walk(found)


def test_it_says_what_the_workflow_says() -> None:
    found, workflow = document("orders"), project.load("orders", ROOT)
    messages = found["components"]["messages"]
    assert workflow.models.keys() < messages.keys()
    for name, model in workflow.models.items():
        schema = messages[name]["payload"]["schema"]
        same = json.loads(avro_schema(model).text)
        assert to_parsing_canonical_form(schema) == to_parsing_canonical_form(same)
    operations = found["operations"]
    for step in workflow.spec.steps:
        assert names(operations[f"{step.name}.send"]) == list(step.says)
        assert names(operations[f"{step.name}.receive"]) == [t for p in step.needs for t in p]
    assert names(operations["outside.receive"]) == ["OrderPlaced"]
    sent = {event for key, each in operations.items() if "send" in key for event in names(each)}
    assert sent | {"OrderPlaced"} == messages.keys()
    kafka = found["channels"]["log"]["bindings"]["kafka"]
    assert (found["channels"]["log"]["address"], kafka["partitions"]) == ("orders.events", 6)


def names(operation: dict[str, Any]) -> list[str]:
    return [each["$ref"].rpartition("/")[2] for each in operation["messages"]]


class Bill(Event):
    class Line(BaseModel):
        amount: int

    lines: list[Line]
    by: Annotated[Literal["card", "cash"], Formerly("how")] = "card"
    parts: dict[str, Line] | None = None


def test_names_within_a_schema_stand_apart_from_their_namespace() -> None:
    spoken = _named(json.loads(avro_schema(Bill).text))
    same = json.loads(avro_schema(Bill).text)
    assert to_parsing_canonical_form(spoken) == to_parsing_canonical_form(same)
    found = document("orders")
    found["components"]["messages"]["StockReserved"]["payload"]["schema"] = spoken
    assert wrong(found) == []


def test_it_is_written_or_printed(tmp_path: Path) -> None:
    file = tmp_path / "orders.json"
    app = main.meant(["asyncapi"])
    words = ["asyncapi", "orders", "--bootstrap", "a:1"]
    assert CliRunner().invoke(app, [*words, "-o", str(file)]).stdout == f"wrote {file}\n"
    printed = json.loads(CliRunner().invoke(app, words).stdout)
    assert printed == json.loads(file.read_text(encoding="utf-8"))
    assert printed == json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert printed["servers"] == {"kafka1": {"host": "a:1", "protocol": "kafka"}}
    refused = CliRunner().invoke(app, [*words, "-o", str(tmp_path / "no" / "x.json")])
    assert "cannot be written" in str(refused.exception)
