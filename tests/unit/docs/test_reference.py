"""The reference names all that is public, and all of that says what it is."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import pytest

import minuet
import minuet.testing
from docs.reference.commands import PLACE, on_page_markdown, reference
from tests.installed import ROOT
from tests.unit.cli.test_every_command import COMMANDS

API = (ROOT / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"^::: ([\w.]+)$", API, re.MULTILINE)
FACES = (minuet, minuet.testing)
PUBLIC = [getattr(face, name) for face in FACES for name in face.__all__]


def test_every_public_name_is_on_the_page_where_it_is_written() -> None:
    assert sorted(SHOWN) == sorted(f"{each.__module__}.{each.__qualname__}" for each in PUBLIC)


def methods(each: Any) -> Iterator[Any]:
    """What a class of ours has that is public; the docstrings of pydantic are its own."""
    for name, member in inspect.getmembers(each):
        home = getattr(member, "fget", member)
        if not name.startswith("_") and (getattr(home, "__module__", None) or "").startswith(
            "minuet"
        ):
            yield member


@pytest.mark.parametrize("each", PUBLIC, ids=lambda each: each.__name__)
def test_every_public_name_says_what_it_is_and_so_do_its_methods(each: Any) -> None:
    assert each.__doc__
    if inspect.isclass(each):
        assert [m for m in methods(each) if inspect.isroutine(m) and not m.__doc__] == []


def test_every_command_is_on_the_page_with_its_options_and_an_example() -> None:
    text = reference()
    for name, command in COMMANDS.items():
        section = text.partition(f"## `minuet {name}`\n")[2].partition("\n## `")[0]
        assert re.search(rf"Examples?:[\s`]+(?:text\n +)?minuet {name}", section), name
        options = {o for p in command.params for o in p.opts if o.startswith("--") and not p.hidden}
        assert {option for option in options if option not in section} == set(), name


def test_the_commands_are_put_into_the_page() -> None:
    class Page:
        class file:
            src_uri = "reference/cli.md"

    text = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    assert PLACE in text
    assert "## `minuet saga resume`" in on_page_markdown(text, Page)
