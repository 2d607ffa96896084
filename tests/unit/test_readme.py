"""The README and the links of every page; what its example does is tested where index.md's is."""

from __future__ import annotations

import re
from pathlib import Path

from tests.pages import blocks

ROOT = Path(__file__).resolve().parents[2]


def test_the_readme_shows_the_example_that_index_shows_and_a_test_follows() -> None:
    readme, index = (
        [block.text for block in blocks(page) if block.title or "try_it" in block.text]
        for page in (ROOT / "README.md", ROOT / "docs" / "index.md")
    )
    assert len(readme) == 4
    assert readme == index


def test_every_folder_that_the_readme_names_is_there() -> None:
    layout = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Layout")[2]
    folders = re.findall(r"`(\w+)/`", layout.partition("## ")[0])
    assert len(folders) > 5
    assert [name for name in folders if not (ROOT / name).is_dir()] == []


def test_every_file_that_the_readme_and_the_docs_link_to_is_there() -> None:
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]
    links = [
        (page, link)
        for page in pages
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
    ]
    missing = [f"{page.name}: {link}" for page, link in links if not (page.parent / link).exists()]
    assert missing == []


def test_every_decision_is_in_the_index() -> None:
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text(encoding="utf-8")
    pages = {page.name for page in folder.glob("[0-9]*.md")}
    assert {page for page in pages if f"]({page})" not in index} == set()
    assert len({page[:4] for page in pages}) == len(pages), "two pages have one number"


def test_every_page_is_in_the_nav_of_the_site() -> None:
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    below = (ROOT / "docs").rglob("*.md")
    pages = {page.relative_to(ROOT / "docs").as_posix() for page in below}
    pages = {page for page in pages if not re.match(r"decisions/\d", page)}
    assert {page for page in pages if not re.search(rf"[-:] {page}\n", nav)} == set()
