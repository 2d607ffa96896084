"""The prefix of topics and groups: where it is found, what it may be, and what it changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from minuet.cli.prefix import _under
from minuet.errors import UsageError
from minuet.settings.names import Names, refusal
from minuet.settings.prefix import prefix_of
from minuet.settings.reading import read
from minuet.spec import project
from minuet.spec.plain import as_plain
from tests.unit.cli.test_every_command import COMMANDS, names

ROOT = Path(__file__).parents[3]


def written(folder: Path, prefix: str) -> Path:
    (folder / "pyproject.toml").write_text(f'[tool.minuet]\nprefix = "{prefix}"\n')
    return folder


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    assert prefix_of(tmp_path, {}) == ""
    written(tmp_path, "team-a.")
    assert prefix_of(tmp_path, {}) == "team-a."
    assert prefix_of(tmp_path, {"MINUET_PREFIX": ""}) == "team-a."
    assert prefix_of(tmp_path, {"MINUET_PREFIX": "b_"}) == "b_"
    assert prefix_of(None, {"MINUET_PREFIX": "b_"}) == "b_"
    (tmp_path / "secret").write_text("c-\n")
    assert prefix_of(tmp_path, {"MINUET_PREFIX_FILE": str(tmp_path / "secret")}) == "c-"


@pytest.mark.parametrize("environ", [{}, {"MINUET_PREFIX": "b_"}])
def test_both_readers_of_the_settings_find_the_same(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    written(tmp_path, "team-a.")
    assert read(tmp_path, environ=environ).settings.prefix == prefix_of(tmp_path, environ)


@pytest.mark.parametrize(
    ("prefix", "why"),
    [
        ("team a.", "cannot begin a topic"),
        ("öl.", "cannot begin a topic"),
        ("a:b.", "cannot begin a topic"),
        ("team", "end it with a dot, as 'team.'"),
        (".a.", "begin with a letter or a digit"),
        ("..", "begin with a letter or a digit"),
        ("a" * 100 + ".", "at most 100"),
    ],
)
def test_what_cannot_be_a_prefix_is_refused_where_it_stands(
    tmp_path: Path, prefix: str, why: str
) -> None:
    assert why in refusal(prefix)
    written(tmp_path, prefix)
    with pytest.raises(UsageError, match=r"pyproject.toml:2: prefix: ") as of_file:
        prefix_of(tmp_path, {})
    with pytest.raises(UsageError, match="MINUET_PREFIX: prefix: ") as of_variable:
        prefix_of(tmp_path, {"MINUET_PREFIX": prefix})
    with pytest.raises(UsageError, match="--prefix") as typed, _under(prefix):
        pass
    for found in (of_file, of_variable, typed):
        assert why in str(found.value)


def test_a_number_is_no_prefix(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.minuet]\nprefix = 7\n")
    with pytest.raises(
        UsageError, match=r"pyproject\.toml:2: prefix: input should be a valid string"
    ):
        prefix_of(tmp_path, {})


def test_every_name_is_behind_it() -> None:
    plain, behind = Names("orders"), Names("orders", "team-a.")
    assert (plain.group, plain.log_topic) == ("orders", "orders.events")
    for name in ("group", "log_topic", "table_topic", "dead_letter_topic", "operations_topic"):
        assert getattr(behind, name) == "team-a." + getattr(plain, name)
    assert behind.schema_topic == "team-a.minuet.schemas"
    assert list(behind.retry_topics) == ["team-a." + topic for topic in plain.retry_topics]
    assert behind.with_prefix("payments") == behind.with_prefix("team-a.payments")
    assert behind.with_prefix("") == ""


def test_a_workflow_means_the_same_wherever_it_runs() -> None:
    spec = project.load("orders", ROOT).spec
    moved = replace(spec, prefix="team-a.")
    assert moved.version == spec.version
    assert as_plain(moved) == as_plain(spec)


def test_the_option_goes_with_the_broker_in_every_command() -> None:
    for name, command in COMMANDS.items():
        assert ("--prefix" in names(command)) == ("--bootstrap" in names(command)), name


def test_what_was_typed_holds_for_one_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINUET_PREFIX", "a.")
    with _under("b."):
        assert prefix_of(None) == "b."
    assert prefix_of(None) == "a."
    monkeypatch.delenv("MINUET_PREFIX")
    monkeypatch.setenv("MINUET_PREFIX_FILE", "/nowhere")
    with _under("b."):
        assert prefix_of(None) == "b."
    with pytest.raises(UsageError, match="cannot be read"):
        prefix_of(None)
