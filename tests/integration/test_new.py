"""`minuet new` from the built wheel: the project that it makes passes its own checks, and runs."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from minuet.dev import Broker
from tests.installed import environ, run


@pytest.fixture
def kafka(tmp_path: Path) -> Iterator[str]:
    """One of its own: a tutorial has bookings on the shared one."""
    broker = Broker(tmp_path)
    try:
        yield broker.up()
    finally:
        broker.reset()


@pytest.fixture(scope="module")
def project(newcomer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("new")
    made = json.loads(run("minuet", "new", "bookings", "--json", cwd=folder, env=environ(newcomer)))
    assert made["folder"] == str(folder / "bookings")
    assert "streams/bookings/reserve_place.py" in made["files"]
    return folder / "bookings"


@pytest.mark.parametrize(
    "command",
    ["ruff format --check .", "ruff check .", "mypy", "pytest -q", "minuet schemas check"],
)
def test_a_new_project_passes_its_checks(command: str, project: Path, newcomer: Path) -> None:
    run(*command.split(), cwd=project, env=environ(newcomer))


@pytest.mark.kafka
def test_its_demo_verifies_three_sagas(project: Path, newcomer: Path, kafka: str) -> None:
    # Its own broker is started by the tutorial's test; here `dev up` finds that one is named.
    env = {**environ(newcomer), "MINUET_BOOTSTRAP_SERVERS": kafka}
    (newcomer / "bookings.stamp").touch()  # all that requirements.txt asks for is there
    text = (project / "Makefile").read_text(encoding="utf-8")
    (project / "Makefile").write_text(text.replace("\t$(BIN)/minuet dev up\n", ""))
    said = run("make", "demo", cwd=project, env=env)
    assert "3 of 3" in said
    assert re.search(r"\b3 sagas, .*^verified: ", said, re.MULTILINE | re.DOTALL), said


def test_a_folder_that_is_not_empty_is_left_alone(project: Path, newcomer: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in project.rglob("*")}
    done = subprocess.run(
        ["minuet", "new", "bookings"], cwd=project.parent, env=environ(newcomer),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "is not empty, and nothing in it is replaced" in done.stderr
    assert {path: path.stat().st_mtime_ns for path in project.rglob("*")} == before
