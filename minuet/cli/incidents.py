"""`minuet incidents list|show`: what waits for a person, and what could be done about it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any

import typer

from minuet.action.settling import command, settling
from minuet.action.view import View, moment
from minuet.cli.arguments import SagaArgument, WorkflowArgument, offer_steps
from minuet.cli.columns import columns
from minuet.cli.common import (
    BootstrapOption,
    JsonOption,
    ProjectOption,
    connection,
    index_of,
    print_json,
)
from minuet.cli.outcomes import commands
from minuet.cli.plain import plain, short
from minuet.cli.verify import progress_bar
from minuet.core.plan import compile_plan
from minuet.errors import UsageError
from minuet.inspection.history import read
from minuet.inspection.incidents import KINDS, Found, Wanted, of_state, waiting
from minuet.spec import project as projects
from minuet.spec.assemble import Workflow

_LIST = """List the incidents of all sagas, those that have been still longest first.

An incident is what only a person can settle: a step gave up, a value cannot be read, something \
happened that cannot be undone. The saga does not end before. The table is read, and the log from \
there on, so the list is exact.

Example: minuet incidents list orders --step charge_payment --limit 50
"""
_SHOW = """Show what of a saga waits for a person, and the commands that could settle it.

Example: minuet incidents show orders order-0001
"""

_Limit = Annotated[int, typer.Option("--limit", min=1, help="At most so many.")]
_Step = Annotated[
    str,
    typer.Option("--step", help="Only of this step, or this event.", autocompletion=offer_steps),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="What waits for a person.", no_args_is_help=True)
    group.command("list", help=_LIST)(list_incidents)
    group.command("show", help=_SHOW)(show)
    app.add_typer(group, name="incidents")


def list_incidents(  # noqa: PLR0913  (Typer wants a parameter for each option)
    workflow: WorkflowArgument,
    step: _Step = "",
    kind: Annotated[str, typer.Option("--kind", help=f"Only this: {', '.join(KINDS)}.")] = "",
    limit: _Limit = 20,
    bootstrap: BootstrapOption = "",
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Print what waits for a person."""
    if kind and kind not in KINDS:
        message = f"--kind {kind}: say one of {', '.join(KINDS)}"
        raise UsageError(message)
    plan = compile_plan(projects.load(workflow, project).spec)
    with progress_bar("reading table and log", quiet=json) as bar:
        found = waiting(connection(bootstrap, project), plan, Wanted(step, kind, limit), bar)
    if json:
        print_json(_as_dict(found))
        return
    for line in _lines(workflow, found):
        typer.echo(line)


def show(
    workflow: WorkflowArgument,
    saga: SagaArgument,
    bootstrap: BootstrapOption = "",
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Print the incidents of a saga and what could settle each."""
    loaded = projects.load(workflow, project)
    plan = compile_plan(loaded.spec)
    with progress_bar("reading the log", quiet=json) as bar:
        history = read(connection(bootstrap, project), plan, saga, bar, index_of(project))
    view = View(plan, history, int(time.time() * 1000))
    found = open_incidents(view, loaded)
    known = {each for incident in found for each in incident["commands"]}
    whole = [each for each in commands(view, loaded) if each not in known]
    if json:
        status = history.state.status.value
        print_json({"saga": saga, "status": status, "incidents": found, "commands": whole})
        return
    typer.echo(f"{saga} is {history.state.status.value}; {len(found)} incidents are open")
    for line in (line for each in found for line in lines_of(each)):
        typer.echo(line)
    if whole:
        typer.echo("the saga as a whole")
        for line in whole:
            typer.echo(f"    {line}")


def open_incidents(view: View, loaded: Workflow) -> list[dict[str, Any]]:
    """The incidents of a saga as plain data, each with the commands that could settle it."""
    found = []
    for each in of_state(view.state, view.history.partition):
        opened = view.at(each.offset)
        wishes = settling(view, each.key)
        typed = [command(loaded.spec.name, each.saga, wish, loaded.models) for wish in wishes]
        since = moment(opened.time) if opened is not None else ""
        found.append({**asdict(each), "since": since, "commands": typed})
    return found


def lines_of(incident: dict[str, Any]) -> Iterator[str]:
    """An incident in lines."""
    tried = f", {incident['attempts']} attempts" if incident["attempts"] else ""
    yield f"{incident['kind']}: {incident['about']} since {incident['since']}{tried}"
    yield f"  {plain(incident['reason']) or 'no reason was given'}"
    yield from (f"    {each}" for each in incident["commands"])


def _as_dict(found: Found) -> dict[str, Any]:
    counts = [
        {"kind": kind, "about": about, "count": count}
        for (kind, about), count in found.counts.items()
    ]
    return {
        "found": found.total,
        "counts": counts,
        "unreadable_rows": found.unreadable,
        "incidents": [asdict(each) for each in found.incidents],
    }


def _lines(workflow: str, found: Found) -> Iterator[str]:
    names = ("saga", "kind", "about", "since", "attempts", "reason")
    rows = [
        (e.saga, e.kind, e.about, e.since, e.attempts, short(e.reason)) for e in found.incidents
    ]
    yield from columns(names, rows) if rows else ()
    if len(found.incidents) < found.total:
        yield from (f"{n:,} {kind} {about}" for (kind, about), n in found.counts.items())
    yield f"{len(found.incidents):,} of {found.total:,}"
    if found.incidents:
        yield f"what could settle one: minuet incidents show {workflow} {found.incidents[0].saga}"
    if found.unreadable:
        yield f"{found.unreadable:,} rows cannot be read: run `minuet verify {workflow}`"
