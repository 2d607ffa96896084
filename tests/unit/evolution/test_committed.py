"""Committed versions: written once, kept to, and guarded against every edit."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import create_model

from minuet.contracts.schema import avro_schema
from minuet.event.marks import Formerly, contract
from minuet.event.model import Event
from minuet.evolution.committed import INDEX, Version, read_committed
from minuet.evolution.drift import Comparison, compare, export
from minuet.evolution.resolving import Rule


def sold(**fields: Any) -> Any:
    return create_model("Sold", __base__=Event, __module__="shop", **fields)


ONE = sold(id=(str, ...))
TWO = sold(id=(str, ...), note=(str | None, None))
THREE = sold(id=(str, ...), note=(str | None, None), pieces=(int, 1))
BREAKING = sold(id=(int, ...))


def write(folder: Path, *models: Any) -> Comparison:
    """Export the models one after the other; return what the last one came to."""
    found = Comparison()
    for model in models:
        found = export({model.__name__: model}, read_committed(folder))
    return found


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_first_version_is_the_schema_of_the_model(tmp_path: Path) -> None:
    wrote: list[Version] = []
    export({"Sold": ONE}, read_committed(tmp_path), wrote.append)
    assert [str(each) for each in wrote] == ["Sold v1"]
    assert list(files(tmp_path)) == ["Sold/v1.avsc", INDEX]
    (version,) = read_committed(tmp_path).versions["Sold"]
    assert version.schema == avro_schema(ONE)


def test_nothing_is_written_where_nothing_changed(tmp_path: Path) -> None:
    write(tmp_path, ONE)
    before = files(tmp_path)
    assert write(tmp_path, ONE).clean
    assert files(tmp_path) == before


def test_a_change_is_the_next_version_and_no_older_one_is_touched(tmp_path: Path) -> None:
    write(tmp_path, ONE, TWO)
    before = files(tmp_path)
    write(tmp_path, THREE)
    after = files(tmp_path)
    assert after.keys() - before.keys() == {"Sold/v3.avsc"}
    assert {name for name in before if before[name] != after[name]} == {INDEX}
    assert after[INDEX].startswith(before[INDEX])


def test_a_model_that_goes_back_gets_a_version_of_its_own(tmp_path: Path) -> None:
    write(tmp_path, ONE, TWO, ONE)
    versions = read_committed(tmp_path).versions["Sold"]
    assert [v.schema.fingerprint for v in versions] == [
        avro_schema(model).fingerprint for model in (ONE, TWO, ONE)
    ]


def test_a_breaking_change_is_refused_with_field_and_rule_and_writes_nothing(
    tmp_path: Path,
) -> None:
    write(tmp_path, ONE)
    before = files(tmp_path)
    other = create_model("Other", __base__=Event, __module__="shop", a=(int, ...))
    found = export({"Sold": BREAKING, "Other": other}, read_committed(tmp_path))
    assert files(tmp_path) == before
    assert [str(each) for each in found.refused] == [
        "Sold: v2 cannot read v1, as FULL_TRANSITIVE asks: id: the types do not resolve "
        "(written string, read long)",
        "Sold: v1 cannot read v2, as FULL_TRANSITIVE asks: id: the types do not resolve "
        "(written long, read string)",
    ]
    assert {each.broken.rule for each in found.refused} == {Rule.TYPE}


def level(name: Any, **fields: Any) -> Any:
    return contract(compatibility=name)(sold(**fields))


LESS, MORE = {"a": (int, ...)}, {"a": (int, ...), "b": (int, ...)}
OPTIONAL = {"a": (int, ...), "b": (int | None, None)}
REQUIRED = {"a": (int, ...), "b": (int, 0)}


@pytest.mark.parametrize(
    ("name", "older", "new", "allowed"),
    [
        ("FULL_TRANSITIVE", [LESS], MORE, False),
        ("FULL", [LESS], MORE, False),
        ("BACKWARD", [LESS], MORE, False),
        ("FORWARD", [LESS], MORE, True),
        ("FORWARD_TRANSITIVE", [LESS], MORE, True),
        ("FORWARD", [MORE], LESS, False),
        ("BACKWARD", [MORE], LESS, True),
        ("BACKWARD_TRANSITIVE", [MORE], LESS, True),
        ("NONE", [LESS], {"a": (str, ...)}, True),
        # b was required, then gone, and is back as another type: only the last is looked at
        ("BACKWARD", [MORE, LESS], {"a": (int, ...), "b": (str, "")}, True),
        ("BACKWARD_TRANSITIVE", [MORE, LESS], {"a": (int, ...), "b": (str, "")}, False),
        ("FULL", [REQUIRED, LESS], {"a": (int, ...), "b": (str, "")}, True),
        ("FULL_TRANSITIVE", [REQUIRED, LESS], {"a": (int, ...), "b": (str, "")}, False),
        ("FORWARD", [REQUIRED, OPTIONAL], OPTIONAL | {"c": (int, 0)}, True),
        ("FORWARD_TRANSITIVE", [REQUIRED, OPTIONAL], OPTIONAL | {"c": (int, 0)}, False),
    ],
)
def test_each_level_asks_for_what_its_name_says(
    tmp_path: Path, name: Any, older: list[Any], new: Any, allowed: bool
) -> None:
    write(tmp_path, *(level("NONE", **fields) for fields in older))
    assert len(read_committed(tmp_path).versions["Sold"]) == len(older)
    found = write(tmp_path, level(name, **new))
    assert bool(found.refused) is not allowed, found.refused
    assert len(read_committed(tmp_path).versions["Sold"]) == len(older) + allowed


def test_a_renamed_field_goes_backward_only(tmp_path: Path) -> None:
    write(tmp_path, ONE)
    renamed = {"sale": (Annotated[str, Formerly("id")], ...)}
    (refusal,) = write(tmp_path, sold(**renamed)).refused
    assert str(refusal) == (
        "Sold: v1 cannot read v2, as FULL_TRANSITIVE asks: id: a field is not written, and has no "
        "default (read string)"
    )
    assert not write(tmp_path, level("BACKWARD", **renamed)).refused


def edited(folder: Path) -> None:
    file = folder / "Sold" / "v1.avsc"
    file.write_text(file.read_text().replace("string", "bytes"))


def reformatted(folder: Path) -> None:
    file = folder / "Sold" / "v1.avsc"
    file.write_text(json.dumps(json.loads(file.read_text())))


def lost(folder: Path) -> None:
    (folder / "Sold" / "v1.avsc").unlink()


def by_hand(folder: Path) -> None:
    (folder / "Sold" / "v3.avsc").write_text((folder / "Sold" / "v2.avsc").read_text())


def misnamed(folder: Path) -> None:
    (folder / "Sold" / "v1.avsc").rename(folder / "Sold" / "v01.avsc")


def without_list(folder: Path) -> None:
    (folder / INDEX).unlink()


def with_a_wrong_list(folder: Path) -> None:
    (folder / INDEX).write_text("nonsense\n" + (folder / INDEX).read_text())


def relisted(content: str) -> Callable[[Path], None]:
    """Edit the newest version, and its line in the list too."""

    def edit(folder: Path) -> None:
        file = folder / "Sold" / "v2.avsc"
        file.write_text(content)
        done = subprocess.run(
            ["sha256sum", "Sold/v1.avsc", "Sold/v2.avsc"],
            cwd=folder, check=True, capture_output=True, text=True,
        )  # fmt: skip
        (folder / INDEX).write_text(done.stdout)

    return edit


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (edited, "v1.avsc: edited since it was written"),
        (reformatted, "v1.avsc: edited since it was written"),
        (lost, "v1.avsc: lost"),
        (by_hand, "v3.avsc: versions.sha256 does not list it"),
        (misnamed, "v01.avsc: versions are named v1.avsc"),
        (without_list, "v1.avsc: versions.sha256 does not list it"),
        (with_a_wrong_list, "versions.sha256:1: not a digest and a version"),
        (relisted("{"), "v2.avsc: no usable schema"),
        (relisted('{"type": "record", "name": "Other", "fields": []}'), "schema is of Other"),
    ],
)
def test_what_was_spoilt_is_found_and_nothing_is_written_before_it_is_mended(
    tmp_path: Path, spoil: Callable[[Path], None], said: str
) -> None:
    write(tmp_path, ONE, TWO)
    spoil(tmp_path)
    before = files(tmp_path)
    assert any(said in each for each in compare({"Sold": TWO}, read_committed(tmp_path)).problems)
    assert write(tmp_path, THREE).problems
    assert files(tmp_path) == before


def test_a_version_that_came_by_hand_is_held_to_its_level(tmp_path: Path) -> None:
    write(tmp_path, ONE, TWO)
    text = json.dumps(
        {"type": "record", "name": "Sold", "fields": [{"name": "id", "type": "long"}]}
    )
    relisted(text)(tmp_path)
    found = compare({}, read_committed(tmp_path))
    assert not found.problems
    assert {each.number for each in found.refused} == {2}


def test_line_ends_that_a_checkout_changed_are_no_edit(tmp_path: Path) -> None:
    write(tmp_path, ONE, TWO)
    for file in tmp_path.rglob("*.avsc"):
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert compare({"Sold": TWO}, read_committed(tmp_path)).clean


def test_the_list_is_one_that_sha256sum_checks(tmp_path: Path) -> None:
    write(tmp_path, ONE, TWO)
    subprocess.run(["sha256sum", "--check", "--strict", INDEX], cwd=tmp_path, check=True)


def test_a_model_that_is_not_its_newest_version_is_drift(tmp_path: Path) -> None:
    write(tmp_path, ONE)
    committed = read_committed(tmp_path)
    assert not compare({"Sold": TWO}, committed).clean
    assert list(compare({"Sold": TWO}, committed).pending) == ["Sold"]
    assert compare({"Sold": ONE}, committed).clean


def test_versions_of_an_event_that_is_gone_stay_and_are_no_drift(tmp_path: Path) -> None:
    write(tmp_path, ONE)
    found = compare({}, read_committed(tmp_path))
    assert found.clean
    assert found.retired == ("Sold",)
    assert write(tmp_path, BREAKING).refused  # if it comes back, it keeps its contract


@pytest.mark.parametrize("steps", range(4))
def test_an_export_that_was_stopped_is_finished_by_the_next(
    tmp_path: Path, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, ONE)
    left = iter([False] * steps + [True])

    def or_stop(do: Any) -> Any:
        def done(*args: Any, **more: Any) -> Any:
            if next(left):
                raise KeyboardInterrupt
            return do(*args, **more)

        return done

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", or_stop(os.replace))
        patch.setattr(Path, "write_text", or_stop(Path.write_text))
        with pytest.raises(KeyboardInterrupt):
            write(tmp_path, TWO)
    assert read_committed(tmp_path).versions["Sold"][0].schema == avro_schema(ONE)
    write(tmp_path, TWO)
    assert compare({"Sold": TWO}, read_committed(tmp_path)).clean
    assert len(read_committed(tmp_path).versions["Sold"]) == 2


def test_the_shipped_workflow_is_what_is_committed() -> None:
    from minuet.spec.project import load

    root = Path(__file__).resolve().parents[3]
    models: Mapping[str, type[Event]] = load("orders", root).models
    found = compare(models, read_committed(root / "schemas" / "orders"))
    assert found.clean
    assert len(found.same) == 17
