"""The tutorial, followed to the letter from an empty folder, by the built wheel."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.installed import ROOT, environ
from tests.pages import Reader, blocks

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(900)]

PAGE = ROOT / "docs" / "tutorial" / "first-workflow.md"


def follow(folder: Path, env: dict[str, str], *there: str) -> None:
    reader = Reader(folder, env, frozenset(there))
    try:
        reader.follow(PAGE)
    finally:
        project = folder / "bookings"
        if project.exists():
            subprocess.run(reader.shell(f"cd '{project}' && minuet dev reset"), env=env, check=True)
    assert reader.typed > 15


def test_the_tutorial_ends_green(newcomer: Path, tmp_path: Path) -> None:
    follow(tmp_path, environ(newcomer), "install")


@pytest.mark.slow
def test_the_tutorial_ends_green_with_its_own_installing(wheel: Path, tmp_path: Path) -> None:
    env = environ()
    env["PIP_FIND_LINKS"] = f"{wheel.parent} {env.get('PIP_FIND_LINKS', '')}"
    follow(tmp_path, env)


def test_every_block_of_the_tutorial_is_a_file_or_is_typed() -> None:
    assert [b.line for b in blocks(PAGE) if not b.title and b.language != "console"] == []
