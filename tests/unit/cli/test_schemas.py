"""`minuet schemas`, in a project of its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from minuet.cli import main
from minuet.errors import ContractError, UsageError

PYPROJECT = """
[tool.minuet.workflows.shop]
saga = "shop_of_a_test.all:shop"
steps = ["shop_of_a_test.all"]
"""
MODULE = """
from typing import Annotated

from minuet import Event, Pii, Saga, contract, step


class Line(Event):
    sku: str


class Placed(Event):
    order_id: str
    customer: Annotated[str, Pii()]
    lines: list[Line] = []
    {more}


class Confirmed(Event):
    number: int


@step
def confirm(order: Placed) -> Confirmed:
    return Confirmed(number=1)


shop = Saga("shop", key="order_id", begins=Placed, completes=Confirmed)
"""

Say = Callable[..., Result]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / "shop_of_a_test").mkdir()
    (tmp_path / "shop_of_a_test" / "__init__.py").touch()
    change(tmp_path, "")
    path = list(sys.path)
    yield tmp_path
    sys.path[:] = path
    forget()


def change(project: Path, more: str) -> None:
    (project / "shop_of_a_test" / "all.py").write_text(MODULE.replace("{more}", more))
    forget()


def forget() -> None:
    for name in [name for name in sys.modules if name.startswith("shop_of_a_test")]:
        del sys.modules[name]


def say(*words: str) -> Result:
    return CliRunner().invoke(main.build("schemas"), ["schemas", *words])


def test_export_writes_check_agrees_and_show_tells(project: Path) -> None:
    at = ("--project", str(project))
    assert "shop: Placed: no version is committed" in say("check", *at).stderr
    written = say("export", *at)
    assert written.exit_code == 0, written.output
    assert [line.split(",")[0] for line in written.stdout.splitlines()] == [
        "shop: wrote Confirmed v1", "shop: wrote Placed v1",
    ]  # fmt: skip
    assert say("check", "shop", *at).stdout == "shop: 2 events are their newest of 2 versions\n"
    assert say("export", "shop", *at).stdout == "shop: 2 events, nothing changed\n"
    shown = say("show", "shop", "Placed", *at).stdout.splitlines()
    assert shown[0].startswith("Placed v1, all.Placed, ")
    assert [line.split() for line in shown[2:]] == [
        ["order_id", "string"], ["customer", "string", "pii"],
        ["lines", "list", "of", "all.Line", "[]"], ["lines[].sku", "string"],
    ]  # fmt: skip
    listed = say("show", "shop", *at).stdout.splitlines()
    assert listed[2].split()[:2] == ["Placed", "v1"]
    assert listed[2].endswith("FULL_TRANSITIVE  customer")


def test_drift_is_exit_1_and_says_what_and_how_to_mend(project: Path) -> None:
    at = ("--project", str(project))
    say("export", *at)
    change(project, "note: str | None = None")
    drift = say("check", *at)
    assert drift.exit_code == 1
    assert drift.stderr == (
        "shop: Placed: the model is not v1: added note\n"
        "  to mend: minuet schemas export shop, and commit it\n"
    )
    assert say("export", *at).exit_code == 0
    assert say("check", *at).exit_code == 0
    assert say("show", "shop", "Placed", "--version", "1", *at).stdout.startswith("Placed v1")


def test_a_breaking_change_is_exit_1_and_names_field_and_rule(project: Path) -> None:
    at = ("--project", str(project))
    say("export", *at)
    change(project, "note: str")
    for command in ("export", "check"):
        refused = say(command, *at)
        assert refused.exit_code == 1
        assert (
            "shop: Placed: v2 cannot read v1, as FULL_TRANSITIVE asks: note: a field is not "
            "written, and has no default (read string)\n"
        ) in refused.stderr
        assert "to mend: undo the change, or make it in steps" in refused.stderr
    assert not (project / "schemas" / "shop" / "Placed" / "v2.avsc").exists()


def test_json_says_the_same(project: Path) -> None:
    at = ("--project", str(project), "--json")
    (exported,) = json.loads(say("export", *at).stdout)
    assert [each["event"] for each in exported["written"]] == ["Confirmed", "Placed"]
    assert exported["written"][1]["pii"] == ["customer"]
    change(project, "note: str")
    refused = say("check", *at)
    assert refused.exit_code == 1
    (checked,) = json.loads(refused.stdout)
    assert checked["pending"] == ["Placed"]
    assert checked["refused"] == [
        {
            "event": "Placed", "version": 2, "against": 1, "direction": "backward",
            "level": "FULL_TRANSITIVE", "path": "note", "rule": "MISSING", "detail": "read string",
        }
    ]  # fmt: skip
    shown: dict[str, Any] = json.loads(say("show", "shop", "Placed", *at).stdout)
    assert [field["path"] for field in shown["fields"] if field["pii"]] == ["customer"]
    assert [each["version"] for each in json.loads(say("show", "shop", *at).stdout)] == [1, 1]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["check", "garden"], "names no workflow 'garden'; it names: shop"),
        (["show", "shop", "Placed"], "no committed versions of Placed; it has: none; `minuet"),
        (["import", "nowhere.avsc"], "nowhere.avsc: No such file or directory"),
    ],
)
def test_a_wrong_command_line_says_what_there_is(project: Path, words: list[str], why: str) -> None:
    at = [] if words[0] == "import" else ["--project", str(project)]
    error = say(*words, *at).exception
    assert isinstance(error, UsageError)
    assert why in str(error)


def test_a_version_that_is_not_there_is_named(project: Path) -> None:
    say("export", "--project", str(project))
    error = say("show", "shop", "Placed", "--version", "2", "--project", str(project)).exception
    assert str(error) == "Placed has 1 versions, no v2"


def test_import_writes_a_new_file_and_replaces_none(tmp_path: Path) -> None:
    schema = tmp_path / "parcel.avsc"
    fields = '[{"name": "id", "type": "string"}]'
    schema.write_text('{"type": "record", "name": "acme.Parcel", "fields": ' + fields + "}")
    assert "class Parcel(Event):" in say("import", str(schema)).stdout
    to = tmp_path / "parcels.py"
    assert say("import", str(schema), "--to", str(to)).stdout == f"wrote {to}\n"
    assert to.read_text() == json.loads(say("import", str(schema), "--json").stdout)["source"]
    assert isinstance(say("import", str(schema), "--to", str(to)).exception, UsageError)
    nowhere = tmp_path / "nowhere" / "parcels.py"
    assert isinstance(say("import", str(schema), "--to", str(nowhere)).exception, UsageError)
    schema.write_text('{"type": "record", "name": "acme.Parcel", "fields": [{"name": "id"}]}')
    assert isinstance(say("import", str(schema)).exception, ContractError)
