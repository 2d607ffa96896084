"""The commands that the guide to incidents shows are commands, with options that exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from minuet.cli import main
from minuet.inspection.incidents import KINDS

GUIDE = Path(__file__).parents[3] / "docs" / "guide" / "incidents.md"
TEXT = GUIDE.read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ minuet (.+)$", TEXT, re.MULTILINE)


@pytest.fixture(scope="module")
def whole() -> Any:
    return get_command(main.build())


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_guide_can_be_parsed(line: str, whole: Any) -> None:
    command = whole
    words = shlex.split(line)
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    context = command.make_context("minuet", words)  # raises on what is unknown or lacking
    assert context.params["workflow"] == "orders"


def test_the_guide_has_commands_and_knows_every_kind() -> None:
    assert len(COMMANDS) > 10
    assert {kind for kind in KINDS if f"| `{kind}` |" not in TEXT} == set()
