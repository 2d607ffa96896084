"""Every block of every page is something that holds; tests/README.md says what, by language."""

from __future__ import annotations

import configparser
import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from minuet.cli import main
from minuet.settings.reading import read
from tests.installed import ROOT
from tests.pages import BLOCKS, NOT_RUN, Block, of

MOST_NOT_RUN = 5
DRAWN = {"mermaid", "text"}
KNOWN = {"python", "toml", "json", "yaml", "ini", "dockerfile", "console"} | DRAWN
MINUET = get_command(main.build())
TARGETS = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


def commands(text: str) -> Iterator[list[str]]:
    """The words of each simple command in a line of a shell."""
    lexer = shlex.shlex(text.replace("\\\n", " "), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in lexer:
        if set(word) <= set("|&;()<>"):
            if word not in {"<", ">"}:
                yield words
                words = []
        else:
            words.append(word)
    yield words


def parse(words: list[str]) -> None:
    """Parse a command of Minuet; raises on what is unknown or lacking."""
    command: Any = MINUET
    while hasattr(command, "commands") and words and words[0] in command.commands:
        command = command.commands[words.pop(0)]
    if words != ["--help"]:
        command.make_context("minuet", words)


def check(words: list[str]) -> None:
    """Parse a simple command, if it is one of Minuet or of make."""
    name = Path(words[0]).name if words else ""
    if name == "minuet":
        parse(words[1:])
    elif name == "make":
        assert {word for word in words[1:] if "=" not in word} <= set(TARGETS), words


def test_every_block_has_a_language_with_a_rule() -> None:
    loose = [f"{p.relative_to(ROOT)}:{b.line}" for p, b in BLOCKS if b.language not in KNOWN]
    assert loose == []


def test_few_blocks_are_not_run_and_each_says_why() -> None:
    left = [block.remark for _, block in BLOCKS if block.remark.startswith("not run")]
    assert all(len(remark) > len(NOT_RUN) for remark in left)
    assert len(left) <= MOST_NOT_RUN


def test_python_compiles() -> None:
    for where, block in of("python"):
        compile(block.text, where, "exec")


def test_toml_is_settings_that_minuet_reads(tmp_path: Path) -> None:
    for where, block in of("toml"):
        assert tomllib.loads(block.text), where
        (tmp_path / "pyproject.toml").write_text(block.text, encoding="utf-8")
        read(tmp_path, environ={}).known()


def test_json_yaml_and_ini_can_be_read() -> None:
    for _, block in of("json"):
        json.loads(block.text)
    for _, block in of("yaml"):
        for container in yaml.safe_load(block.text)["spec"]["template"]["spec"]["containers"]:
            check(container["args"])
    for _, block in of("ini"):
        text = block.text if block.text.startswith("[") else f"[env]\n{block.text}"
        ini = configparser.ConfigParser(interpolation=None)
        ini.read_string(text)
        for section in ini.values():
            check(shlex.split(section.get("ExecStart", "")))


def test_a_dockerfile_runs_a_command_that_exists() -> None:
    for _, block in of("dockerfile"):
        check(json.loads(block.text.rpartition("CMD ")[2]))


@pytest.mark.parametrize(
    ("where", "block"), [*of("console")], ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_command_of_a_page_is_one(where: str, block: Block) -> None:
    typed = [command for command, _ in block.commands()]
    assert typed, where
    for command in typed:
        for words in commands(command):
            check(words)
