"""`minuet topics plan|apply`: the topics of a workflow, compared with the broker and made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from minuet.cli.arguments import WorkflowArgument
from minuet.cli.common import BootstrapOption, JsonOption, ProjectOption, connection, print_json
from minuet.contracts.codec import Codec
from minuet.kafka import topics
from minuet.kafka.registries import registry_of
from minuet.kafka.registry import TopicRegistry
from minuet.operations.model import EVENTS
from minuet.spec import project as projects

_PLAN = """Show the topics a workflow needs, and what would change; changes nothing.

Exit 1 when something differs.

Example: minuet topics plan orders
"""
_APPLY = """Make the topics of a workflow, and set what differs. Doing it again changes nothing.

A keyed topic never gets another number of partitions: that is shown, left alone, and exit 1.
With --schemas nobody else needs the right to write schemas: workers find theirs registered.

Example: minuet topics apply orders --schemas
"""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="The topics of a workflow.", no_args_is_help=True)
    group.command("plan", help=_PLAN)(plan)
    group.command("apply", help=_APPLY)(apply)
    app.add_typer(group, name="topics")


def plan(
    workflow: WorkflowArgument,
    bootstrap: BootstrapOption = "",
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Print the plan and the differences."""
    plans = topics.plan(projects.load(workflow, project).spec)
    place = connection(bootstrap, project)
    found = topics.differences(place, plans)
    if json:
        print_json(
            {
                "topics": [
                    {"name": p.name, "partitions": p.partitions, "config": dict(p.config)}
                    for p in plans
                ],
                "differences": [_as_dict(d) for d in found],
            }
        )
    else:
        for p in plans:
            settings = " ".join(f"{name}={value}" for name, value in p.config.items())
            typer.echo(f"{p.name}  {p.partitions} partitions  {settings}")
        typer.echo("")
        _print(found, f"nothing differs at {place.bootstrap}")
    if found:
        raise typer.Exit(1)


def apply(
    workflow: WorkflowArgument,
    bootstrap: BootstrapOption = "",
    schemas: Annotated[
        bool, typer.Option("--schemas", help="Also register the schemas of its events.")
    ] = False,
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Make it so, and print what was done and what could not be."""
    loaded = projects.load(workflow, project)
    plans = topics.plan(loaded.spec)
    place = connection(bootstrap, project)
    done = topics.apply(place, plans)
    if schemas:
        topic = loaded.spec.schema_topic
        Codec(EVENTS, TopicRegistry(place, topic)).register()
        Codec(loaded.models.values(), registry_of(place, topic)).register()
    left = [d for d in topics.differences(place, plans) if not d.mendable]
    if json:
        print_json({"done": [_as_dict(d) for d in done], "left": [_as_dict(d) for d in left]})
    else:
        _print(done, f"nothing to do at {place.bootstrap}")
        if left:
            typer.echo("\nleft as it is:", err=True)
            for d in left:
                typer.echo(f"  {d}", err=True)
    if left:
        raise typer.Exit(1)


def _print(found: Sequence[topics.Difference], none: str) -> None:
    for d in found:
        typer.echo(str(d))
    if not found:
        typer.echo(none)


def _as_dict(d: topics.Difference) -> dict[str, Any]:
    return {
        "topic": d.topic,
        "setting": d.setting,
        "now": d.now,
        "wanted": d.wanted,
        "mendable": d.mendable,
    }
