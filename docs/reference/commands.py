"""The page of commands, from the commands: Typer's own pages, with examples as code.

`make docs` calls it as a hook of mkdocs; nothing that it makes is committed.
"""

from __future__ import annotations

import re
from typing import Any

import typer
from typer.cli import get_docs_for_click
from typer.main import get_command

from minuet.cli import main

PAGE = "reference/cli.md"
PLACE = "<!-- commands -->"
_EXAMPLE = re.compile(r"^Example: (minuet .+)$", re.MULTILINE)
_EXAMPLES = re.compile(r"^Examples:\n((?:  .*\n)+)", re.MULTILINE)
_INNER = re.compile(r"^\*\*Commands\*\*:\n\n(?:\* .*\n)+\n", re.MULTILINE)  # headings follow anyway


def reference() -> str:
    """Each command with its help, arguments, options and examples, as Markdown."""
    command: Any = get_command(main.build())
    context: Any = typer.Context(command)
    text = get_docs_for_click(obj=command, ctx=context, name="minuet", indent=1)
    text = _EXAMPLES.sub(r"Examples:\n\n```text\n\1```\n", text.replace("\b\n", ""))
    return _INNER.sub("", _EXAMPLE.sub(r"Example: `\1`", text))


def on_page_markdown(markdown: str, page: Any, **_: object) -> str:
    """Put the commands where the page has a place for them."""
    if page.file.src_uri != PAGE:
        return markdown
    if PLACE not in markdown:
        message = f"{PAGE} has no {PLACE}"
        raise ValueError(message)
    return markdown.replace(PLACE, reference())
