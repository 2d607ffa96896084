"""`minuet new`: a project to begin with."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from minuet.cli.common import JsonOption, print_json
from minuet.evolution.committed import read_committed
from minuet.evolution.drift import export
from minuet.scaffold import create
from minuet.spec import project as projects

_HELP = """Make a folder with a workflow of one step, its test, and what checks and runs it.

The name is the workflow's and the folder's; a folder that has something in it is left alone.

Example: minuet new bookings
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("new", help=_HELP)(new)


def new(
    name: Annotated[str, typer.Argument(help="Small letters, digits and _.", metavar="NAME")],
    json: JsonOption = False,
) -> None:
    """Write the files and print what to type next."""
    folder = Path.cwd() / name
    written = create(name, Path.cwd())
    _commit_schemas(name, folder)
    if json:
        print_json({"folder": str(folder), "files": [str(each) for each in written]})
        return
    typer.echo(f"made {name}/: {len(written)} files, and a schema for each event")
    typer.echo(f"next: cd {name} && make test && make demo")


def _commit_schemas(name: str, folder: Path) -> None:
    """Write the first versions of the events, which are functions of the models just written."""
    sys.dont_write_bytecode = True
    models = projects.find(folder).load(name).models
    export(models, read_committed(folder / "schemas" / name), lambda _version: None)
