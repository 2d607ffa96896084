from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

from minuet.errors import UsageError
from minuet.scaffold import check_name, create

LONGEST = "a" + "2" * 29


@pytest.mark.parametrize("name", ["bookings", "b", LONGEST])
def test_a_project_has_its_name_everywhere_and_no_line_is_too_long(
    name: str, tmp_path: Path
) -> None:
    written = create(name, tmp_path)
    folder = tmp_path / name
    assert {
        Path("Makefile"),
        Path(".github/workflows/check.yml"),
        Path(f"tests/test_{name}.py"),
    } <= {*written}
    for place in written:
        text = (folder / place).read_text(encoding="utf-8")
        assert "%NAME%" not in text + str(place)
        assert text.endswith("\n")
        if place.suffix == ".py":
            ast.parse(text)
            assert max(map(len, text.splitlines())) <= 100
    settings = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    assert list(settings["tool"]["minuet"]["workflows"]) == [name]


def test_an_empty_folder_will_do(tmp_path: Path) -> None:
    (tmp_path / "bookings").mkdir()
    assert create("bookings", tmp_path)


@pytest.mark.parametrize(
    ("name", "better"),
    [
        ("My Bookings", "my_bookings"), ("my-bookings", "my_bookings"), ("2fast", "fast"),
        ("class", "bookings"), ("", "bookings"), ("minuet", "bookings"), ("../x", "x"),
        ("x" * 31, "x" * 30),
    ],
)  # fmt: skip
def test_a_bad_name_is_refused_with_a_better_one(name: str, better: str) -> None:
    with pytest.raises(UsageError, match=f"as {better}$"):
        check_name(name)
    check_name(better)
