"""`minuet saga list|show|history`: a look at sagas, in one or in all; acting is `saga_actions`."""

from __future__ import annotations

import json as js
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

import typer

from minuet.action.view import View
from minuet.cli import saga_actions
from minuet.cli.arguments import SagaArgument, WorkflowArgument
from minuet.cli.columns import columns
from minuet.cli.common import (
    BootstrapOption,
    JsonOption,
    NoIndexOption,
    ProjectOption,
    connection,
    index_of,
    print_json,
)
from minuet.cli.incidents import lines_of, open_incidents
from minuet.cli.plain import plain
from minuet.cli.verify import progress_bar
from minuet.contracts.codec import Codec
from minuet.core.plan import compile_plan
from minuet.inspection.explaining import Explained, explain
from minuet.inspection.history import Said, read, said
from minuet.inspection.listing import Wanted, listing
from minuet.inspection.moments import at
from minuet.inspection.standing import Acted, Standing, standing
from minuet.kafka.registries import registry_of
from minuet.spec import project as projects

_LIST = """List sagas, the youngest first, as the table has them (200 ms behind the log, if at all).

Example: minuet saga list orders --status compensated --limit 5
"""
_SHOW = """Show where a saga stands: what happened, what is due, waited for, undone, or parked.

It is the fold of the log itself, as every worker sees it. With --at it is the fold of the log up \
to a moment (2026-11-24T10:00:00Z, or 2h ago), a place (2/1700) or an event (by its id).

Example: minuet saga show orders order-0001

minuet saga show orders order-0001 --at 2h
"""
_HISTORY = """Show all that the log has of a saga, in order, with the decoded values.

With --explain each event says what it changed, which steps became due by it, and why others did \
not run.

Example: minuet saga history orders order-0001 --explain
"""

_At = Annotated[
    str,
    typer.Option(
        "--at", metavar="WHEN", help="As it was: a moment, 2h ago, PARTITION/OFFSET, an event's id."
    ),
]
_Explain = Annotated[
    bool, typer.Option("--explain", help="What each event changed, and why steps did not run.")
]
_Limit = Annotated[int, typer.Option("--limit", min=1, help="At most so many.")]
_Status = Annotated[Wanted, typer.Option("--status", help="Only these.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Look at sagas, and act on one.", no_args_is_help=True)
    group.command("list", help=_LIST)(list_sagas)
    group.command("show", help=_SHOW)(show)
    group.command("history", help=_HISTORY)(history)
    saga_actions.register(group)
    app.add_typer(group, name="saga")


def list_sagas(
    workflow: WorkflowArgument,
    status: _Status = Wanted.ALL,
    limit: _Limit = 20,
    bootstrap: BootstrapOption = "",
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Print the youngest sagas."""
    plan = compile_plan(projects.load(workflow, project).spec)
    found = listing(connection(bootstrap, project), plan, status, limit)
    if json:
        print_json(asdict(found))
        return
    names = ("saga", "status", "at", "last", "incidents", "partition", "offset")
    rows = [tuple(asdict(each).values()) for each in found.sagas]
    for line in columns(names, rows) if rows else ():
        typer.echo(line)
    typer.echo(f"{len(found.sagas):,} of {found.found:,}")


def show(  # noqa: PLR0913  (Typer wants a parameter for each option)
    workflow: WorkflowArgument,
    saga: SagaArgument,
    then: _At = "",
    no_index: NoIndexOption = False,
    bootstrap: BootstrapOption = "",
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Print where a saga stands, or stood."""
    loaded = projects.load(workflow, project)
    plan = compile_plan(loaded.spec)
    now_ms = int(time.time() * 1000)
    with progress_bar("reading the log", quiet=json) as bar:
        index = index_of(project, without=no_index)
        found = read(connection(bootstrap, project), plan, saga, bar, index)
    if then:
        found, now_ms = at(plan, found, then)
    stands = standing(plan, found, now_ms)
    incidents = open_incidents(View(plan, found, now_ms), loaded)
    if then:  # what could be done about them then cannot be done now
        incidents = [{**incident, "commands": []} for incident in incidents]
    if json:
        print_json({**asdict(stands), "incidents": incidents})
        return
    for line in _standing(stands):
        typer.echo(line)
    for line in (line for each in incidents for line in lines_of(each)):
        typer.echo(f"  {line}")


def history(  # noqa: PLR0913  (Typer wants a parameter for each option)
    workflow: WorkflowArgument,
    saga: SagaArgument,
    explained: _Explain = False,
    no_index: NoIndexOption = False,
    bootstrap: BootstrapOption = "",
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Print a saga's records."""
    loaded = projects.load(workflow, project)
    place = connection(bootstrap, project)
    plan = compile_plan(loaded.spec)
    with progress_bar("reading the log", quiet=json) as bar:
        index = index_of(project, without=no_index)
        found = read(place, plan, saga, bar, index)
    codec = Codec(loaded.models.values(), registry_of(place, loaded.spec.schema_topic))
    records = said(found, codec, loaded.spec.begins)
    did = explain(plan, found) if explained else []
    if json:
        told = [asdict(each) for each in records]
        for each, why in zip(told, did, strict=False):
            each["explained"] = asdict(why)
        print_json({"saga": saga, "partition": found.partition, "records": told})
        return
    typer.echo(f"{saga}, partition {found.partition}, {found.state.status.value}")
    for number, record in enumerate(records):
        lines = _did(did[number], did[number - 1] if number else None) if did else ()
        for line in (*_said(record), *lines):
            typer.echo(line)


def _standing(stands: Standing) -> Iterator[str]:
    why = f" by {stands.failed_by}" if stands.failed_by else ""
    yield f"{stands.saga}: {stands.status}{why}"
    place = f"partition {stands.partition}, log offset {stands.log_offset}, {stands.at}"
    yield f"  {place}" + (f", round {stands.round}" if stands.round else "")
    yield "happened"
    for event in stands.events:
        yield f"  {event.time}  {event.type}" + ("  (late)" if event.late else "")
    for title, lines in (
        ("to be run", _tasks(stands)),
        ("waits for an event", [f"{x.step}: {', '.join(x.lacks)}" for x in stands.lacking]),
        ("undo", [f"{u.outcome}: {u.state or 'not asked for yet'}" for u in stands.undoing]),
        ("deadlines", [f"{d.type} at {d.at}" for d in stands.deadlines]),
        ("the coordinator is about to say", stands.coordinator_says),
        ("a person did", [_acted(each) for each in stands.actions]),
        ("counted", [f"{count} {name}" for name, count in stands.counts.items()]),
    ):
        if lines:
            yield title
            yield from (f"  {line}".rstrip() for line in lines)
    if stands.incidents:
        yield "waits for a person"


def _acted(each: Acted) -> str:
    counted = f"  (counted as {each.note})" if each.note else ""
    return f"{each.time}  {each.type} by {plain(each.by)}: {plain(each.why)}{counted}"


def _tasks(stands: Standing) -> list[str]:
    return [
        f"{task.step}: {task.state}"
        + (f" until {task.until}" if task.until else "")
        + (f", {task.attempts} attempts" if task.attempts else "")
        + (", in doubt" if task.in_doubt else "")
        for task in stands.tasks
    ]


def _said(each: Said) -> Iterator[str]:
    parts = [f"#{each.offset}", each.time, each.type]
    parts += [f"by {plain(each.by or each.step)}"] if each.step or each.by else []
    parts += [f"for {each.step}"] if each.step and each.by else []
    causes = ", ".join(f"#{offset}" for offset in each.cause_offsets)
    parts += [f"because of {causes}"] if causes else []
    parts += [f"attempt {each.attempt}"] if each.attempt else []
    parts += ["late"] if each.late else []
    parts += [f"counted as {each.note}"] if each.note else []
    yield "  ".join(parts)
    if each.by:
        yield f"    why: {plain(each.reason)}"
    if each.value is None:
        yield f"    UNREADABLE: {each.unreadable}"
    else:
        yield f"    {js.dumps(each.value, ensure_ascii=False)}"


def _did(each: Explained, before: Explained | None) -> Iterator[str]:
    """What a record did, and of which steps it is otherwise than after the one before."""
    moved = "" if each.before == each.after else f"{each.before} -> "
    yield f"    {moved}{each.after}: {'; '.join(each.changes) or 'nothing changed'}"
    if each.due:
        yield f"    due now: {', '.join(each.due)}"
    known = set(before.steps) if before else set()
    for one in each.steps:
        if one not in known and one.kind not in ("due", "answered", "undone"):
            yield f"    {one.step}: {one.why}"
    if each.says:
        yield f"    the coordinator says next: {', '.join(each.says)}"
