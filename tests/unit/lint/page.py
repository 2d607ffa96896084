"""docs/guide/lint.md as data: the module that its examples change, and the examples by rule."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "guide" / "lint.md"
TEXT = PAGE.read_text(encoding="utf-8")
_BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)

SHOP = """\
[tool.minuet.workflows.shop]
saga = "shop:shop"
steps = ["shop"]
"""


@dataclass(frozen=True)
class Example:
    """A project that breaks a rule, or does not any more."""

    python: str = ""
    toml: str = ""
    text: str = ""

    def write(self, folder: Path) -> None:
        """Make the project."""
        (folder / "shop.py").write_text(base() + "\n\n" + self.python, encoding="utf-8")
        (folder / "pyproject.toml").write_text(SHOP + "\n" + self.toml, encoding="utf-8")


def base() -> str:
    """The module that the examples change."""
    blocks: list[tuple[str, str]] = _BLOCK.findall(TEXT)
    return next(text for _, text in blocks if text.startswith("# shop.py"))


def sections() -> dict[str, str]:
    """The text of each rule, in the order of the page."""
    parts = re.split(r"^### (.+)$", TEXT, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def examples(rule: str) -> tuple[Example, Example]:
    """The wrong example of a rule, and the right one."""
    _, wrong, right = re.split(r"^(?:Wrong|Right):$", sections()[rule], flags=re.MULTILINE)
    return _example(wrong), _example(right)


def _example(text: str) -> Example:
    blocks = dict(_BLOCK.findall(text))
    return Example(blocks.get("python", ""), blocks.get("toml", ""), blocks.get("text", ""))
