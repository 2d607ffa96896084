from __future__ import annotations

from pathlib import Path

import pytest

from minuet.cli import common
from minuet.errors import UsageError


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with every way to name a broker; the nearest first in these tests' order."""
    (tmp_path / "pyproject.toml").write_text(
        '[tool.minuet]\nbootstrap = "settings:1"\n', encoding="utf-8"
    )
    monkeypatch.setenv("MINUET_BOOTSTRAP_SERVERS", "environment:1")
    monkeypatch.setattr("minuet.dev.running", lambda _: "running:1")
    return tmp_path


def test_a_typed_address_comes_first(project: Path) -> None:
    assert common.bootstrap_servers("typed:1", project) == "typed:1"


def test_then_the_environment(project: Path) -> None:
    assert common.bootstrap_servers("", project) == "environment:1"


def test_then_the_settings(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MINUET_BOOTSTRAP_SERVERS")
    assert common.bootstrap_servers("", project) == "settings:1"


def test_then_the_projects_own_broker(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MINUET_BOOTSTRAP_SERVERS")
    (project / "pyproject.toml").write_text("", encoding="utf-8")
    assert common.bootstrap_servers("", project) == "running:1"


def test_with_none_of_them_the_message_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MINUET_BOOTSTRAP_SERVERS", raising=False)
    with pytest.raises(UsageError, match="no broker: start one with `minuet dev up`"):
        common.bootstrap_servers("", tmp_path)


def test_the_project_is_found_from_a_folder_inside_it(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = project / "streams" / "orders"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    assert common.project_folder() == project


def test_a_project_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no such folder"):
        common.project_folder(tmp_path / "missing")


def test_settings_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool", encoding="utf-8")
    with pytest.raises(UsageError, match=r"pyproject\.toml: "):
        common.settings(tmp_path)
