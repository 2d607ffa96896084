"""What holds for every command that there is: help with an example, and JSON also when it fails."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from minuet.cli import main


def below(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    """Each command, by all of its words but `minuet`."""
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name, command
    for word, each in (inner or {}).items():
        yield from below(f"{name} {word}".strip(), each)


COMMANDS = dict(below("", get_command(main.build())))


def needed(command: Any) -> Iterator[str]:
    """Something for each argument and option that must be there; a name that is none."""
    for each in command.params:
        if each.required:
            yield from (each.opts[0], "1") if each.opts[0].startswith("-") else ("no name",)


def names(command: Any) -> set[str]:
    return {name for each in command.params for name in each.opts}


def test_every_command_has_help_with_an_example() -> None:
    assert COMMANDS
    for name, command in COMMANDS.items():
        said = f"{command.help}\n{command.epilog}"
        assert "Example" in said, name
        assert f"minuet {name}" in said, name


@pytest.mark.parametrize("name", COMMANDS)
def test_with_json_a_failure_is_one_document_too(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = COMMANDS[name]
    monkeypatch.chdir(tmp_path)  # where there is no project
    wrong = ["--project", "nowhere"] if "--project" in names(command) else []
    argv = ["minuet", *name.split(), *needed(command), *wrong, "--json"]
    monkeypatch.setattr(sys, "argv", argv)
    with pytest.raises(SystemExit) as end:
        main.main()
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert (found["exit"], end.value.code) == (2, 2)
    assert said.err == f"minuet: {found['error']}\n"
    assert re.search(
        "no such f|either --data|--against|cannot be the name", found["error"], re.IGNORECASE
    )


def test_so_is_a_wrong_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["minuet", "verify", "--json"])
    with pytest.raises(SystemExit) as end:
        main.main()
    said = capsys.readouterr()
    assert json.loads(said.out) == {"error": "Missing argument 'workflow'.", "exit": 2}
    assert "Missing argument 'workflow'." in said.err
    assert end.value.code == 2
