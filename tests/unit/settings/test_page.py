"""The page on configuration says what the code does."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from minuet.settings.environment import variable_of
from minuet.settings.kafka import OWNED
from minuet.settings.model import Settings
from minuet.settings.reading import read, settable

PAGE = Path(__file__).parents[3] / "docs" / "guide" / "configuration.md"
TEXT = PAGE.read_text(encoding="utf-8")


def default(path: tuple[str, ...]) -> str:
    value: object = Settings()
    for name in path:
        value = getattr(value, name)
    return str(value)


def test_every_setting_has_its_row() -> None:
    rows = [[cell.strip(" `") for cell in line.split("|")[1:4]] for line in TEXT.splitlines()]
    written = [row for row in rows if len(row) == 3 and row[1].startswith("MINUET_")]
    expected = [[".".join(path), variable_of(path), default(path)] for path in settable()]
    assert written == expected


def test_every_name_that_is_not_to_be_set_is_listed() -> None:
    listed = re.search(r"<!-- owned -->(.*?)<!-- /owned -->", TEXT, re.DOTALL)
    assert listed
    assert re.findall(r"`([\w.]+)`", listed[1]) == sorted(OWNED)


def test_the_example_can_be_read(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    (tmp_path / "pyproject.toml").write_text(example, encoding="utf-8")
    found = read(tmp_path, environ={}).known()
    assert found.settings.bootstrap == tomllib.loads(example)["tool"]["minuet"]["bootstrap"]
    assert len(found.settings.kafka) == 4
    assert found.origins["worker", "in_flight"] == "pyproject.toml:5"
