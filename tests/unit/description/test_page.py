"""The commands that docs/guide/diagrams.md and spec.md show do what is shown."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from minuet.cli import main
from tests.pages import blocks, prints
from tests.unit.description.specs import ROOT

GUIDE = ROOT / "docs" / "guide"


def shown() -> Iterator[tuple[str, str]]:
    for page in ("diagrams.md", "spec.md"):
        for block in blocks(GUIDE / page):
            if block.language == "console":
                yield from block.commands()


@pytest.mark.parametrize(("command", "printed"), list(shown()))
def test_a_command_of_the_page_says_what_the_page_says(
    command: str, printed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, *words = shlex.split(command)
    assert name == "minuet"
    (tmp_path / "docs" / "guide").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    found = CliRunner().invoke(main.meant(words), [*words, "--project", str(ROOT)])
    assert found.exception is None
    expected = "\n".join(" ".join(line.split()) for line in printed.splitlines())
    assert prints(expected, found.stdout), found.stdout
    for each in (tmp_path / "docs" / "guide").iterdir():
        assert each.read_bytes() == (GUIDE / each.name).read_bytes()
