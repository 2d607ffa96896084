"""`minuet diagram`: a workflow as a drawing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import typer

from minuet.cli.arguments import WorkflowArgument
from minuet.cli.common import JsonOption, ProjectOption, print_json
from minuet.description.matrix import matrix
from minuet.description.mermaid import mermaid
from minuet.description.parts import View
from minuet.description.picture import picture
from minuet.description.svg import svg
from minuet.errors import DefinitionError, UsageError
from minuet.spec import project as projects
from minuet.spec.model import Spec

_HELP = """Draw a workflow: the happy path, the undo path, and who needs what.

As Mermaid, which GitHub shows in a page, or as SVG. The views: `happy`, what leads to a completed \
saga; `undo`, what fails one and how it is undone; `all`, both; `needs`, a table of needs. \
Nothing but Python draws: no Graphviz, no browser.

Example: minuet diagram orders --format svg --output orders.svg
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("diagram", help=_HELP)(diagram)


OutputOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write there; else print it."),
]


def diagram(
    workflow: WorkflowArgument,
    format_: Annotated[Literal["mermaid", "svg"], typer.Option("--format")] = "mermaid",
    view: Annotated[View, typer.Option("--view", help="What is drawn.")] = "all",
    output: OutputOption = None,
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Draw, and print or write it."""
    spec = projects.load(workflow, project).spec
    drawn = picture(spec, view, _others(workflow, project))
    if format_ == "mermaid":
        text = mermaid(drawn)
    else:
        text = matrix(drawn) if view == "needs" else svg(drawn)
    write_or_print(text, output, quiet=json)
    if json:
        about = {"workflow": workflow, "format": format_, "view": view, "version": spec.version}
        print_json(about | {"file": str(output) if output else None, "text": text})


def write_or_print(text: str, output: Path | None, *, quiet: bool) -> None:
    """Write a text to a file, in the place of what was there; else print it unless `quiet`.

    Raises:
        UsageError: the file cannot be written.
    """
    if output is None:
        if not quiet:
            typer.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        message = f"{output} cannot be written: {error.strerror or error}"
        raise UsageError(message) from error
    if not quiet:
        typer.echo(f"wrote {output}")


def _others(workflow: str, project: Path | None) -> Iterator[Spec]:
    """The project's other workflows; one that is written wrong begins nothing and is not begun."""
    for name in projects.names(project):
        if name != workflow:
            try:
                yield projects.load(name, project).spec
            except DefinitionError:
                continue
