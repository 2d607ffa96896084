"""`minuet operations list|show`: what was done to many sagas at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

import typer

from minuet.cli.arguments import WorkflowArgument
from minuet.cli.columns import columns
from minuet.cli.common import BootstrapOption, JsonOption, ProjectOption, connection, print_json
from minuet.cli.plain import plain, short
from minuet.errors import MinuetError
from minuet.operations.reading import Done, operations
from minuet.spec import project as projects

_LIST = """List what was done to many sagas at once, the youngest first.

One that is open goes on at this moment, or was killed before its end.

Example: minuet operations list orders
"""
_SHOW = """Show an operation: who began it, why, what was asked for, and what came of it.

OPERATION is its id, or the beginning of it.

Example: minuet operations show orders 3f1c
"""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="What was done to many sagas at once.", no_args_is_help=True)
    group.command("list", help=_LIST)(list_operations)
    group.command("show", help=_SHOW)(show)
    app.add_typer(group, name="operations")


def list_operations(
    workflow: WorkflowArgument,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 20,
    bootstrap: BootstrapOption = "",
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Print the youngest operations."""
    spec = projects.load(workflow, project).spec
    found = operations(connection(bootstrap, project), spec)
    shown = found[:limit]
    if json:
        print_json({"found": len(found), "operations": [asdict(each) for each in shown]})
        return
    rows = [(e.id[:8], e.kind, e.began, e.result, plain(e.by), short(e.why)) for e in shown]
    if rows:
        for line in columns(("operation", "kind", "began", "result", "by", "why"), rows):
            typer.echo(line)
    typer.echo(f"{len(shown):,} of {len(found):,}")


def show(
    workflow: WorkflowArgument,
    operation: Annotated[str, typer.Argument(help="Its id, or the beginning of it.")],
    bootstrap: BootstrapOption = "",
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Print one operation."""
    spec = projects.load(workflow, project).spec
    every = operations(connection(bootstrap, project), spec)
    found = [each for each in every if each.id.startswith(operation)]
    if len(found) != 1:
        many = "more than one operation" if found else "no operation"
        message = f"{spec.operations_topic} has {many} with an id that begins with {operation!r}"
        raise MinuetError(message)
    if json:
        print_json(asdict(found[0]))
        return
    for line in _whole(found[0]):
        typer.echo(line)


def _whole(done: Done) -> Iterator[str]:
    yield f"{done.kind} {done.id}: {done.result}"
    yield f"  by     {plain(done.by)}"
    yield f"  why    {plain(done.why)}"
    yield f"  began  {done.began}"
    if done.ended:
        yield f"  ended  {done.ended}"
    for name, value in done.asked.items():
        yield f"  asked  {plain(f'{name} {value}')}"
    for name, count in done.counts.items():
        yield f"  {plain(name)}: {count:,}"
    if done.discarded:
        yield f"  letters dealt with: {done.discarded:,}"
