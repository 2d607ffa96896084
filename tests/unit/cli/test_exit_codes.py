"""The page of exit codes holds: its codes are those of `main`, its commands are there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from typer.main import get_command
from typer.testing import CliRunner

from minuet.cli import main

PAGE = Path(__file__).parents[3] / "docs" / "guide" / "exit-codes.md"
TEXT = PAGE.read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\| `minuet ([\w -]+)` \|", TEXT, re.MULTILINE)


def test_every_command_of_the_page_is_one_and_its_help_says_exit_1() -> None:
    assert len(COMMANDS) == len(set(COMMANDS)) > 5
    silent = []
    whole = get_command(main.build())
    for line in COMMANDS:
        command: Any = whole
        for word in line.split():
            command = command.commands[word]
        silent += [] if "exit 1" in command.help.lower().replace("\n", " ") else [line]
    assert silent == []


def test_the_codes_of_the_page_are_those_that_a_shell_gets() -> None:
    codes = [int(code) for code in re.findall(r"^\| (\d+) \|", TEXT, re.MULTILINE)]
    app = main.build()
    shown = CliRunner().invoke(app, ["--version"]).exit_code
    wrong = CliRunner().invoke(app, ["topics", "plan"]).exit_code
    assert [shown, 1, wrong, main.EXIT_INTERRUPTED] == codes
