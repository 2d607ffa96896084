"""What the README shows is run: its files are written to a folder, and the workflow is used."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FILE = re.compile(r"```(?:python|toml)\n# (?P<place>[\w./]+)\n(?P<text>.*?)```", re.DOTALL)

LOAD = """
from minuet import Context
from minuet.spec.project import load

workflow = load("trips")
print(*sorted(workflow.steps))

from schemas.trips import CardRefused, SeatHeld, TripRequested
from streams.trips.pay_fare import pay_fare
from streams.trips.resources import Cards

trip = TripRequested(trip_id="t1", traveller="Ada", fare_cents=60_000)
context = Context(saga_id="t1", slot="s1")
assert isinstance(pay_fare(SeatHeld(seat="12A"), trip, Cards(), context), CardRefused)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path, {match["place"]: match["text"] for match in FILE.finditer(README)})
    return tmp_path


def write(folder: Path, files: Mapping[str, str]) -> None:
    for place, text in files.items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        for package in path.relative_to(folder).parents[:-1]:
            (folder / package / "__init__.py").touch()


def test_the_workflow_of_the_readme_can_be_assembled_and_its_steps_called(project: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", LOAD], cwd=project, check=False, capture_output=True, text=True
    )
    assert run.stderr == ""
    assert run.stdout.split() == ["hold_seat", "pay_fare", "release_seat"]


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


def test_every_page_of_the_guide_is_in_the_nav_of_the_site() -> None:
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = {
        p.relative_to(ROOT / "docs").as_posix() for p in (ROOT / "docs" / "guide").glob("*.md")
    }
    assert {page for page in pages if f"- {page}\n" not in nav} == set()
