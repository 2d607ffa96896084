"""Committed versions of a workflow: files, and what the code of today owes them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from minuet.errors import DefinitionError, UsageError
from minuet.saga import Migrate
from minuet.spec.assemble import assemble
from minuet.spec.model import MigrationSpec
from minuet.spec.project import load
from minuet.spec.versions import export, read, unfit
from tests.unit.core.story import orders, step

ROOT = Path(__file__).parents[3]
OLD = replace(orders(), version="first")


def test_a_version_is_written_once_and_read_back(tmp_path: Path) -> None:
    assert read(tmp_path, "orders") == ()
    second = replace(OLD, version="second")
    assert export(tmp_path, OLD) == tmp_path / "specs" / "orders" / "v1.json"
    assert export(tmp_path, second) == tmp_path / "specs" / "orders" / "v2.json"
    assert export(tmp_path, OLD) is None
    assert read(tmp_path, "orders") == (OLD, second)


def test_the_versions_that_it_knows_are_no_part_of_a_version(tmp_path: Path) -> None:
    export(tmp_path, replace(OLD, before=(replace(OLD, version="older"),)))
    assert read(tmp_path, "orders") == (OLD,)


def test_what_is_wrong_with_the_files_is_told(tmp_path: Path) -> None:
    export(tmp_path, OLD)
    export(tmp_path, replace(OLD, version="second"))
    folder = tmp_path / "specs" / "orders"
    (folder / "v1.json").rename(folder / "v3.json")
    with pytest.raises(UsageError, match=r"v1\.json is missing: versions are numbered"):
        read(tmp_path, "orders")
    (folder / "v1.json").write_bytes((folder / "v3.json").read_bytes())
    with pytest.raises(UsageError, match=r"v3\.json is a version that stands there already"):
        read(tmp_path, "orders")
    (folder / "v3.json").write_text("{}")
    with pytest.raises(UsageError, match=r"v3\.json is no spec"):
        read(tmp_path, "orders")


def test_steps_that_cannot_answer_for_an_older_version_are_named() -> None:
    changed = tuple(
        replace(each, says=(*each.says, "FraudUnsure")) if each.name == "screen_fraud" else each
        for each in OLD.steps
        if each.name != "reserve_stock"
    )
    needs = step("confirm_order", "ShipmentBooked, StockReserved", "OrderConfirmed")
    steps = tuple(needs if each.name == "confirm_order" else each for each in changed)
    new = replace(OLD, steps=steps, version="second")
    told = {each.step: each.why for each in unfit([OLD], new)}
    assert told == {
        "reserve_stock": "is gone",
        "screen_fraud": "may say FraudUnsure, which that version does not know",
        "confirm_order": "needs other events",
    }
    assert not list(unfit([OLD], replace(new, migrations=(MigrationSpec("first"),))))
    some = MigrationSpec("first", unless=("PaymentCharged",))
    assert len(list(unfit([OLD], replace(new, migrations=(some,))))) == 3
    assert {each.number for each in unfit([OLD, new], new)} == {1}


def test_a_rule_names_a_committed_version_by_its_number() -> None:
    shipped = load("orders", ROOT)
    saga = replace(shipped.saga)
    for field in ("provided", "categories", "breakers"):
        getattr(saga, field).update(getattr(shipped.saga, field))
    saga.migrates = (Migrate(2, unless=(saga.completes,)),)
    older = [replace(shipped.spec, version=name) for name in ("a", "b")]
    spec = assemble(saga, shipped.steps.values(), older).spec
    assert spec.migrations == (MigrationSpec("b", (saga.completes.__name__,)),)
    assert [each.version for each in spec.before] == ["a", "b"]
    assert spec.version != shipped.spec.version
    with pytest.raises(DefinitionError, match=r"Migrate\(2\): there is no such version"):
        assemble(saga, shipped.steps.values(), older[:1])
