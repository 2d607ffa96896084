"""docs/guide/errors.md as data: what is given, what is typed, and what is said."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "guide" / "errors.md"
PROJECT = """\
[tool.minuet.workflows.orders]
saga = "coordinators.orders:orders"
steps = ["streams.orders"]

[tool.minuet.workflows.refunds]
saga = "coordinators.refunds:refunds"
steps = ["streams.refunds"]
"""
_FILE = re.compile(r"`([\w./-]+)` (has|is) `([^`]*)`")
_CODE = re.compile(r"`([^`]*)`|`` ?(.*?) ?``")
_SETTING = re.compile(r"([A-Z_]+)=(.*)")


@dataclass(frozen=True)
class Row:
    """A row of a table: files that are written first, a command, and what it says.

    Args:
        section: the heading that it stands under.
        given: the first cell, in words.
        typed: the command, with settings of the environment in front.
        said: the message; `…` stands for what differs from one time to the next.
        code: the exit code.
    """

    section: str
    given: str
    typed: str
    said: str
    code: int

    @property
    def environ(self) -> dict[str, str]:
        """The settings in front of the command."""
        found = (_SETTING.fullmatch(word) for word in shlex.split(self.typed))
        return {setting[1]: setting[2] for setting in found if setting}

    @property
    def arguments(self) -> list[str]:
        """The command's, after `minuet`."""
        words = shlex.split(self.typed)
        return words[words.index("minuet") + 1 :]

    def write(self, folder: Path) -> None:
        """Make the project in which the command is typed."""
        files = {"pyproject.toml": PROJECT}
        for name, verb, text in _FILE.findall(self.given):
            content = text.replace("\\n", "\n") + "\n"
            files[name] = content if verb == "is" else content + files.get(name, "")
        if "no `pyproject.toml`" in self.given:
            del files["pyproject.toml"]
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(content, encoding="utf-8")

    def differs(self, errors: str, code: int) -> str:
        """What was said instead; empty when it is what the page says."""
        told = " ".join(re.sub("[╭╮╰╯│─]", " ", errors).split())
        parts = [re.escape(" ".join(part.split())) for part in self.said.split("…")]
        if re.fullmatch(".*?".join(parts), told) and code == self.code:
            return ""
        return f"exit {code}: {told}"


def rows(*sections: str) -> list[Row]:
    """The rows of these sections, in order; of all without any."""
    section, found = "", []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ")
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 4 and cells[3].isdecimal() and (not sections or section in sections):
            given, typed, said, code = (cell.replace("\\|", "|") for cell in cells)
            found.append(Row(section, given, _code(typed), _code(said), int(code)))
    return found


def _code(cell: str) -> str:
    """What stands between backticks, or between two of them on each side."""
    found = _CODE.fullmatch(cell)
    assert found, cell
    return found[1] or found[2]
