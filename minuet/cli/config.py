"""`minuet config show`: each setting, its value, and who said so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import typer

from minuet import dev
from minuet.cli.columns import columns
from minuet.cli.common import BootstrapOption, JsonOption, ProjectOption, print_json, project_folder
from minuet.kafka.connection import wrong_option
from minuet.settings import kafka
from minuet.settings.model import is_secret
from minuet.settings.reading import DEFAULT, Found, read, settable

_SHOW = """Show each setting, its value, and where that comes from; secrets are masked.

The later wins: [tool.minuet] in pyproject.toml, MINUET_... variables, options. What nobody reads, \
and what Kafka's client does not take, is pointed out, and exit 1.

Example: minuet config show
"""
_MASK = "********"


class _Line(NamedTuple):
    setting: str
    value: Any
    origin: str


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="The settings, and where they come from.", no_args_is_help=True)
    group.callback()(_config)
    group.command("show", help=_SHOW)(show)
    app.add_typer(group, name="config")


def _config() -> None:
    """The settings, and where they come from."""


def show(
    bootstrap: BootstrapOption = "",
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Print the settings."""
    folder = project_folder(project)
    found = read(folder, bootstrap=bootstrap)
    lines, wrong = list(_lines(found, folder)), list(_wrong(found))
    if json:
        print_json({"settings": [line._asdict() for line in lines], "wrong": wrong})
    else:
        for text in columns(_Line._fields, [tuple(map(str, line)) for line in lines]):
            typer.echo(text)
        for text in wrong:
            typer.echo(f"minuet: {text}", err=True)
    if wrong:
        raise typer.Exit(1)


def _wrong(found: Found) -> Iterator[str]:
    yield from map(str, found.strangers)
    if refused := wrong_option(found.settings.kafka):
        origin = found.origins.get(("kafka", refused.name), "")
        yield f"{origin}: {refused.why}" if origin else refused.why


def _lines(found: Found, folder: Path) -> Iterator[_Line]:
    own = dev.running(folder)
    for path in settable():
        value: Any = found.settings
        for name in path:
            value = getattr(value, name)
        origin = found.origins.get(path, DEFAULT)
        if path == ("bootstrap",) and not value:
            value, origin = own or "", "the project's `minuet dev` broker" if own else "not set"
        shown = _MASK if is_secret(path) and value else value
        yield _Line(".".join(path), shown, origin)
    for name, text in sorted(found.settings.kafka.items()):
        shown = _MASK if kafka.is_secret(name) else text
        yield _Line(f"kafka.{name}", shown, found.origins["kafka", name])
