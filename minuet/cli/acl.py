"""`minuet acl plan|apply`: the rights of units, compared with those of the cluster, and given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer

from minuet.cli.arguments import GuaranteeName, WorkflowArgument
from minuet.cli.columns import columns
from minuet.cli.common import (
    BootstrapOption,
    JsonOption,
    ProjectOption,
    configured,
    connection,
    print_json,
    project_folder,
)
from minuet.kafka import rights
from minuet.kafka.connection import Connection
from minuet.rights.comparing import STATES, Row, State, compare
from minuet.rights.wish import Principals, principals
from minuet.spec import project as projects
from minuet.spec.model import Spec

_UNITS = """A unit is a step, `coordinator`, several of these joined by +, `worker` for all of \
them, or one that is no worker: `publisher`, `reader` (looks), `operator` (looks and acts), \
`importer`, `deployer` (makes topics, registers schemas). Who asks here needs Describe and Alter \
of the cluster.
"""
_PLAN = f"""Show which rights each unit of a workflow needs, and how the cluster's differ.

Changes nothing. Exit 1 when a right is missing, denied, or too much.

{_UNITS}
\b
Examples:
  minuet acl plan orders --principal-per-step
  minuet acl plan orders --principal worker=User:orders --principal publisher=User:shop
  minuet acl plan orders --principal-per-step --principal charge_payment=User:CN=payments
"""
_APPLY = f"""Give each unit of a workflow the rights that it lacks, and wait until the broker obeys.

Nothing is taken without --remove, and then only what is about this workflow and not needed. Exit 1
when a right is denied by another rule, or one that is too much was left.

{_UNITS}
Example: minuet acl apply orders --principal-per-step --remove
"""

PrincipalOption = Annotated[
    list[str] | None,
    typer.Option("--principal", metavar="UNIT=User:NAME", help="As whom a unit logs in."),
]
PerStepOption = Annotated[
    bool,
    typer.Option(
        "--principal-per-step",
        help="Also User:WORKFLOW.UNIT for each step, the coordinator, a publisher and a reader.",
    ),
]
GroupOption = Annotated[
    list[str] | None,
    typer.Option("--group", metavar="UNIT=NAME", help="Of a worker with a --group of its own."),
]
GuaranteeOption = Annotated[
    GuaranteeName | None,
    typer.Option("--guarantee", help="How the workers write; else as it is set."),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="The rights of a workflow's units.", no_args_is_help=True)
    group.command("plan", help=_PLAN)(plan)
    group.command("apply", help=_APPLY)(apply)
    app.add_typer(group, name="acl")


def plan(  # noqa: PLR0913  (Typer wants a parameter for each option)
    workflow: WorkflowArgument,
    per_step: PerStepOption = False,
    principal: PrincipalOption = None,
    group: GroupOption = None,
    guarantee: GuaranteeOption = None,
    bootstrap: BootstrapOption = "",
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Print each right and how it stands."""
    spec = projects.load(workflow, project).spec
    who = principals(spec, principal or (), group or (), per_step=per_step)
    place = connection(bootstrap, project)
    transactional = _transactional(guarantee, bootstrap, project)
    rows = compare(spec, who, rights.found(place), transactional=transactional)
    if json:
        print_json({"rights": [_as_dict(row) for row in rows], "counts": _counts(rows)})
    else:
        _print(rows)
        typer.echo(f"\n{_summary(rows)} at {place.bootstrap}")
    if any(row.state in ("missing", "denied", "too much") for row in rows):
        raise typer.Exit(1)


def apply(  # noqa: PLR0913  (Typer wants a parameter for each option)
    workflow: WorkflowArgument,
    per_step: PerStepOption = False,
    principal: PrincipalOption = None,
    group: GroupOption = None,
    guarantee: GuaranteeOption = None,
    remove: Annotated[
        bool, typer.Option("--remove", help="Take away what is too much of these principals.")
    ] = False,
    bootstrap: BootstrapOption = "",
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Make it so, and print what was done and what is left."""
    spec = projects.load(workflow, project).spec
    who = principals(spec, principal or (), group or (), per_step=per_step)
    place = connection(bootstrap, project)
    transactional = _transactional(guarantee, bootstrap, project)
    given, taken, left = _made(spec, place, who, transactional=transactional, remove=remove)
    if json:
        lists = (("given", given), ("taken", taken), ("left", left))
        print_json({name: [_as_dict(row) for row in rows] for name, rows in lists})
    else:
        for word, rows in (("given", given), ("taken", taken)):
            for row in rows:
                typer.echo(f"{word}: {_words(row)}")
        typer.echo(f"{len(given)} given, {len(taken)} taken at {place.bootstrap}")
        for row in left:
            typer.echo(f"left: {_words(row)}: {STATES[row.state]}", err=True)
    if left:
        raise typer.Exit(1)


def _made(
    spec: Spec, place: Connection, who: Principals, *, transactional: bool, remove: bool
) -> tuple[list[Row], list[Row], list[Row]]:
    """Give what is missing, take what is too much; return both, and what is not as it should be."""
    rows = compare(spec, who, rights.found(place), transactional=transactional)
    given = [row for row in rows if row.state == "missing"]
    taken = [row for row in rows if row.state == "too much"] if remove else []
    if given:
        rights.give(place, [row.rule for row in given])
    if taken:
        rights.take(place, [row.rule for row in taken])
    done = {row.rule for row in taken}
    left = [r for r in rows if r.state in ("denied", "too much") and r.rule not in done]
    return given, taken, left


def _transactional(guarantee: GuaranteeName | None, bootstrap: str, project: Any) -> bool:
    if guarantee is not None:
        return guarantee is GuaranteeName.TRANSACTIONAL
    settings = configured(project_folder(project), bootstrap).settings
    return settings.worker.guarantee == GuaranteeName.TRANSACTIONAL.value


def _print(rows: Sequence[Row]) -> None:
    names = ("state", "principal", "operation", "resource", "name", "for")
    cells = [
        (row.state, row.rule.principal, _operation(row), row.rule.kind, _name(row),
         ", ".join(row.units))
        for row in rows
    ]  # fmt: skip
    for line in columns(names, cells):
        typer.echo(line)


def _summary(rows: Sequence[Row]) -> str:
    return ", ".join(f"{count} {state}" for state, count in _counts(rows).items())


def _counts(rows: Sequence[Row]) -> dict[State, int]:
    """How many there are of each state; of those that are always told also none."""
    counted = Counter(row.state for row in rows)
    always = ("there", "missing", "too much")
    return {state: counted[state] for state in STATES if counted[state] or state in always}


def _words(row: Row) -> str:
    return f"{row.rule.principal} {_operation(row)} of {row.rule.kind} {_name(row)}"


def _operation(row: Row) -> str:
    return row.rule.operation if row.rule.allows else f"not {row.rule.operation}"


def _name(row: Row) -> str:
    return row.rule.name + ("*" if row.rule.pattern == "prefixed" else "")


def _as_dict(row: Row) -> dict[str, Any]:
    return {"state": row.state, **asdict(row.rule), "units": list(row.units)}
