"""`minuet spec show|diff|export`: a workflow as plain data, and how two versions of it differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from minuet.cli.arguments import WorkflowArgument, offer_workflows
from minuet.cli.columns import columns
from minuet.cli.common import JsonOption, ProjectOption, print_json
from minuet.cli.revisions import of_file, spec_of
from minuet.description.difference import Difference, differences
from minuet.duration import written
from minuet.errors import UsageError
from minuet.spec import project as projects
from minuet.spec import versions
from minuet.spec.model import Spec
from minuet.spec.plain import as_plain

_SHOW = """Show a workflow as plain data: its table, its steps, and the version of the whole.

Example: minuet spec show orders --json > orders.json
"""
_DIFF = """Say how two versions of a workflow differ, and what that means for sagas in flight.

The other version is a revision of the project's git repository, or a file that `minuet spec show \
--json` wrote; of two files the first is the older one. A revision is unpacked to a temporary \
folder, and its modules are imported there. Exit 1 when something differs.

\b
Examples:
  minuet spec diff orders --against v1.4
  minuet spec diff before.json after.json
"""
_EXPORT = """Write the version of now to specs/WORKFLOW/v2.json, so that later ones know it.

A saga finishes under the version that it began with, as long as that is committed: export at each \
release. What is written is never written again; a version that stands there already is not \
written twice.

Example: minuet spec export orders
"""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    about = "What a workflow is, as plain data, and how two versions of it differ."
    group = typer.Typer(help=about, no_args_is_help=True)
    group.command("show", help=_SHOW)(show)
    group.command("diff", help=_DIFF)(diff)
    group.command("export", help=_EXPORT)(export)
    app.add_typer(group, name="spec")


def show(
    workflow: WorkflowArgument, json: JsonOption = False, project: ProjectOption = None
) -> None:
    """Print the spec."""
    spec = projects.load(workflow, project).spec
    if json:
        print_json(as_plain(spec))
        return
    for line in _table(spec):
        typer.echo(line)


def diff(
    workflow: Annotated[
        str,
        typer.Argument(
            metavar="WORKFLOW|FILE", help="As pyproject.toml names it, or an older spec's file.",
            autocompletion=offer_workflows,
        ),
    ],
    newer: Annotated[
        str, typer.Argument(metavar="[FILE]", help="The newer one, when the first is a file.")
    ] = "",
    against: Annotated[
        str, typer.Option("--against", metavar="REVISION|FILE", help="The older version.")
    ] = "",
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:  # fmt: skip
    """Compare, and print the differences."""
    if bool(newer) == bool(against):
        message = "name the older version with --against REVISION|FILE, or type two files"
        raise UsageError(message)
    if newer:
        old, new = of_file(Path(workflow)), of_file(Path(newer))
    else:
        new = projects.load(workflow, project).spec
        old = spec_of(workflow, against, project)
    found = differences(old, new)
    if json:
        print_json(
            {
                "workflow": new.name,
                "old": old.version,
                "new": new.version,
                "differences": [asdict(each) for each in found],
            }
        )
    else:
        for line in _told(old, new, found):
            typer.echo(line)
    if found:
        raise typer.Exit(1)


def export(
    workflow: WorkflowArgument, json: JsonOption = False, project: ProjectOption = None
) -> None:
    """Commit the version of now."""
    found = projects.find(project)
    spec = found.load(workflow).spec
    file = versions.export(found.folder, spec)
    if json:
        print_json({"workflow": workflow, "version": spec.version, "file": str(file or "")})
    elif file is not None:
        typer.echo(f"wrote {file}, version {spec.version}: commit it")
    else:
        typer.echo(f"{workflow}: version {spec.version} is committed already")


def _table(spec: Spec) -> Iterator[str]:
    yield f"{spec.name}, version {spec.version}"
    undo = ", all at once" if spec.parallel_undo else ""
    rows = [("key", spec.key), ("begins", spec.begins), ("pivot", spec.pivot or "none")]
    rows += [("completes", spec.completes), *(("fails", event) for event in spec.fails)]
    rows += [
        ("undo", f"{u.outcome}, asked for by {u.request}, done by {u.undone}{undo}")
        for u in spec.undo
    ]
    rows += [
        ("deadline", f"{d.type}, {written(d.within_ms)} after {d.after}, unless {d.unless}")
        for d in spec.deadlines
    ]
    rows += [("partitions", str(spec.partitions))]
    yield from columns(("row", "is"), rows)
    yield ""
    steps = [
        (
            step.name,
            ", ".join(" | ".join(types) for types in step.needs),
            " | ".join(step.says),
            step.retry.attempts,
            written(step.timeout_ms),
            step.breaker,
        )
        for step in spec.steps
    ]
    yield from columns(("step", "needs", "says", "attempts", "timeout", "breaker"), steps)


def _told(old: Spec, new: Spec, found: list[Difference]) -> Iterator[str]:
    if not found:
        yield f"{new.name}: nothing differs, both are version {new.version}"
        return
    for each in found:
        yield f"{each.safety:7}  {each.what}"
        yield f"         sagas in flight: {each.in_flight}"
    count = len(found)
    worst = next(s for s in ("unsafe", "careful", "safe") if any(d.safety == s for d in found))
    many = "difference" if count == 1 else "differences"
    yield f"{new.name}: {count} {many} from {old.version} to {new.version}, in all {worst}"
