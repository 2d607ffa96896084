"""The page of exit codes holds: its codes are those of `main`, its commands are there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from typer.main import get_command
from typer.testing import CliRunner

from minuet.cli import main
from minuet.cli.publish import EXIT_TERMINATED
from tests.unit.cli import test_every_command

PAGE = Path(__file__).parents[3] / "docs" / "guide" / "exit-codes.md"
TEXT = PAGE.read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\| `minuet ([\w -]+)` \|", TEXT, re.MULTILINE)


SAYS = re.compile(r"\bexit 1\b|[,;] 1 when", re.IGNORECASE)  # of the help


WHOLE = get_command(main.build())


def helped(line: str) -> str:
    command: Any = WHOLE
    for word in line.split():
        command = command.commands[word]
    return " ".join(command.help.split())


def test_every_command_of_the_page_is_one_and_its_help_says_exit_1() -> None:
    assert len(COMMANDS) == len(set(COMMANDS)) > 5
    assert [line for line in COMMANDS if not SAYS.search(helped(line))] == []


def test_every_command_whose_help_says_exit_1_is_on_the_page() -> None:
    found = {
        name
        for name, command in test_every_command.COMMANDS.items()
        if SAYS.search(" ".join(command.help.split()))
    }
    assert found - set(COMMANDS) == set()


def test_the_codes_of_the_page_are_those_that_a_shell_gets() -> None:
    codes = [int(code) for code in re.findall(r"^\| (\d+) \|", TEXT, re.MULTILINE)]
    app = main.build()
    shown = CliRunner().invoke(app, ["--version"]).exit_code
    wrong = CliRunner().invoke(app, ["topics", "plan"]).exit_code
    assert [shown, 1, wrong, main.EXIT_INTERRUPTED, EXIT_TERMINATED] == codes
