"""A page of the docs as a reader follows it: its files are written, its commands typed, in order.

`title="place"` names a file. A `console` block has commands (`$ …`) and what they print; `…` stands
for anything, and what only looks is asked again until it prints that. A remark before a block:
`<!-- install -->` or `<!-- broker -->`, left out where an environment, or a broker, is there;
`<!-- second terminal -->`, runs beside the rest; `<!-- not run: why -->`.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from markdown_it import MarkdownIt

from tests.installed import ROOT

PATIENCE_S = 120
NOT_RUN = "not run: "  # a remark before a block, with the reason
_TITLE = re.compile(r'title="([\w./-]+)"')
_LOOKS = re.compile(r"minuet (saga (list|show|history)|incidents list|verify)")


@dataclass(frozen=True)
class Block:
    """A fenced block, its language and title, and the remark in front of it."""

    language: str
    title: str
    remark: str
    text: str
    line: int

    def commands(self) -> Iterator[tuple[str, str]]:
        """Each command and what it prints."""
        for part in re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]:
            lines = part.splitlines()
            typed = 1
            while typed < len(lines) and _goes_on("\n".join(lines[:typed])):
                typed += 1
            yield "\n".join(lines[:typed]), "\n".join(lines[typed:]).strip()


def blocks(page: Path) -> Iterator[Block]:
    """The blocks of a page, in order."""
    remark = ""
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
        if token.type == "html_block":
            remark = token.content.strip().removeprefix("<!--").removesuffix("-->").strip()
        elif token.type == "fence":
            language, _, rest = token.info.partition(" ")
            title = _TITLE.search(rest)
            line = (token.map or [0])[0] + 1
            yield Block(language, title[1] if title else "", remark, token.content, line)
            remark = ""
        elif token.type == "inline":
            remark = ""


PAGES = [ROOT / "README.md", ROOT / "bench" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCKS = [(page, block) for page in PAGES for block in blocks(page)]


def of(language: str) -> Iterator[tuple[str, Block]]:
    """The blocks in a language that are not left out, each with its place."""
    for page, block in BLOCKS:
        if block.language == language and not block.remark.startswith(NOT_RUN):
            yield f"{page.relative_to(ROOT)}:{block.line}", block


def _goes_on(command: str) -> bool:
    """Whether the shell waits for the rest of a command."""
    try:
        shlex.split(command, comments=True)
    except ValueError:  # within quotes
        return True
    return command.endswith("\\")


def prints(expected: str, said: str) -> bool:
    """Whether that was said, as the page has it."""
    expected, said = (
        "\n".join(" ".join(line.split()) for line in text.strip().splitlines())
        for text in (expected, said)
    )
    parts = [re.escape(part) for part in expected.split("…")]
    return not expected or re.fullmatch(".*".join(parts), said, re.DOTALL) is not None


@dataclass
class Reader:
    """Somebody who follows a page from an empty folder.

    Args:
        folder: to begin in.
        env: the variables of the shell.
        there: the remarks of blocks to leave out, for what they make is there.
    """

    folder: Path
    env: dict[str, str]
    there: frozenset[str]
    typed: int = 0
    _state: Path = field(init=False)
    _beside: ExitStack = field(init=False, default_factory=ExitStack)

    def __post_init__(self) -> None:
        self._state = self.folder.parent / f"{self.folder.name}.shell"
        self._state.write_text(f"cd '{self.folder}'\n", encoding="utf-8")

    def follow(self, page: Path) -> None:
        """Do all that the page says."""
        with self._beside:
            for block in blocks(page):
                where = f"{page.name}:{block.line}"
                if block.title:
                    self._write(block)
                elif block.remark == "second terminal":
                    ((command, printed),) = block.commands()
                    self._start(command, printed, where)
                elif block.language == "console" and block.remark not in self.there:
                    for command, printed in block.commands():
                        self._type(command, printed, where)

    def shell(self, command: str) -> list[str]:
        """A shell that goes on where the last one ended."""
        keep = f"{{ export -p; echo \"cd '$PWD'\"; }} > '{self._state}'"
        return ["bash", "-c", f". '{self._state}'\n{command}\ncode=$?\n{keep}\nexit $code"]

    def _write(self, block: Block) -> None:
        here = subprocess.run(
            self.shell("pwd"), env=self.env, capture_output=True, text=True, check=True
        )
        path = Path(here.stdout.strip()) / block.title
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")

    def _type(self, command: str, printed: str, where: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            done = subprocess.run(
                self.shell(command), env=self.env, capture_output=True, text=True,
                timeout=PATIENCE_S * 2, check=False,
            )  # fmt: skip
            if done.returncode == 0 and prints(printed, done.stdout):
                self.typed += 1
                return
            again = _LOOKS.match(command) and time.monotonic() < deadline
            assert again, f"{where}: {command}: exit {done.returncode}\n{done.stdout}{done.stderr}"

    def _start(self, command: str, printed: str, where: str) -> None:
        process = subprocess.Popen(
            ["bash", "-c", f". '{self._state}'\nexec {command}"],
            env=self.env, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._beside.enter_context(process)
        self._beside.callback(process.terminate)
        assert process.stdout is not None
        said = process.stdout.readline()
        while "has no partition yet" in said:  # on a busy machine its share comes late
            said = process.stdout.readline()
        assert prints(printed, said), f"{where}: {command}: {said}"
        self.typed += 1
