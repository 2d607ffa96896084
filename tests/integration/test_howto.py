"""The front page and each how-to page, followed from an empty folder by the built wheel.

They share the environment and the broker; each has a workflow of its own name. Pages of the
guide that need no broker are typed in a copy of the sources.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.installed import ROOT, environ
from tests.pages import Reader, blocks

pytestmark = pytest.mark.kafka

PAGES = [ROOT / "docs" / "index.md", *sorted((ROOT / "docs" / "howto").glob("*.md"))]
TASKS = {"retry", "undo", "join", "deadline", "decision", "resources", "deploy"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_ends_green(page: Path, newcomer: Path, kafka: str, tmp_path: Path) -> None:
    env = {**environ(newcomer), "MINUET_BOOTSTRAP_SERVERS": kafka}
    folder = tmp_path / "empty"
    folder.mkdir()
    reader = Reader(folder, env, frozenset({"install", "broker"}))
    reader.follow(page)
    assert reader.typed > 0


@pytest.mark.parametrize("page", ["lint", "simulate", "diagrams"])
def test_a_page_of_the_guide_shows_what_is_said_of_orders(
    page: str, newcomer: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "sources"
    (folder / "docs" / "guide").mkdir(parents=True)
    for name in ("pyproject.toml", "schemas", "streams", "coordinators", "examples"):
        (folder / name).symlink_to(ROOT / name)
    reader = Reader(folder, environ(newcomer), frozenset())
    reader.follow(ROOT / "docs" / "guide" / f"{page}.md")
    assert reader.typed > 0


def test_there_is_a_page_for_each_task() -> None:
    assert {page.stem for page in PAGES} >= TASKS | {"publish-django", "publish-fastapi"}


def test_every_block_of_a_page_is_a_file_or_is_typed() -> None:
    loose = [
        f"{page.name}:{block.line}"
        for page in PAGES
        for block in blocks(page)
        if not block.title and block.language != "console"
    ]
    assert loose == []
