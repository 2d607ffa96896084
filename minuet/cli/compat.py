"""`minuet compat`: may this version be deployed over that one?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from minuet.cli.arguments import WorkflowArgument
from minuet.cli.common import BootstrapOption, JsonOption, ProjectOption, connection, print_json
from minuet.cli.revisions import spec_of
from minuet.description.compatible import Finding, findings
from minuet.evolution.committed import read_committed
from minuet.spec import project as projects
from minuet.spec.model import Spec

if TYPE_CHECKING:
    from minuet.inspection.versions import InFlight

_HELP = """Say whether this version of a workflow may be deployed over another one.

Its events are held against every committed version, its topics against those of the other, and \
each difference of the two is judged for sagas in flight: they finish under their own version when \
that is committed (`minuet spec export`), or go on under the new one by a rule (`Migrate`). With \
--live the sagas that are in flight are counted by version, and those named that could not go on.

Exit 1 when something is unsafe.

\b
Examples:
  minuet compat orders --against v1.4
  minuet compat orders --against deployed.json --json
  minuet compat orders --against v1.4 --live --bootstrap kafka:9092
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("compat", help=_HELP)(compat)


def compat(
    workflow: WorkflowArgument,
    against: Annotated[
        str,
        typer.Option(metavar="REVISION|FILE", help="What is deployed: of git, or a spec's file."),
    ],
    live: Annotated[bool, typer.Option("--live", help="Count the sagas in flight.")] = False,
    bootstrap: BootstrapOption = "",
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Judge, and print."""
    place = projects.find(project)
    loaded = place.load(workflow)
    old, new = spec_of(workflow, against, project), loaded.spec
    committed = read_committed(place.folder / "schemas" / workflow)
    found = findings(old, new, loaded.models, committed)
    sagas = _in_flight(new, bootstrap, project, quiet=json) if live else []
    unsafe = [each for each in found if each.safety == "unsafe"]
    stuck = any(each.stuck for each in sagas)
    if json:
        document = {
            "workflow": workflow,
            "old": old.version,
            "new": new.version,
            "compatible": not unsafe and not stuck,
            "findings": [asdict(each) for each in found],
        }
        print_json(document | ({"in_flight": [asdict(each) for each in sagas]} if live else {}))
    else:
        for line in (*_lines(old, new, found), *_live(sagas, new)):
            typer.echo(line)
    if unsafe or stuck:
        raise typer.Exit(1)


def _in_flight(spec: Spec, bootstrap: str, project: Path | None, *, quiet: bool) -> list[InFlight]:
    from minuet.cli.verify import progress_bar
    from minuet.core.plan import compile_plan
    from minuet.inspection.versions import in_flight

    rows = 0
    with progress_bar("reading the table", quiet=quiet) as bar:

        def read() -> None:
            nonlocal rows
            rows += 1
            if rows % 2_000 == 0:
                bar(rows, rows)

        return in_flight(connection(bootstrap, project), compile_plan(spec), read)


def _lines(old: Spec, new: Spec, found: list[Finding]) -> Iterator[str]:
    for each in found:
        yield f"{each.safety:7}  {each.part}: {each.what}"
        if each.mend:
            yield (
                f"         to mend: {each.mend}"
                if each.safety == "unsafe"
                else (f"         to do: {each.mend}")
            )
    both = f"{old.version} to {new.version}" if old.version != new.version else new.version
    unsafe = sum(each.safety == "unsafe" for each in found)
    verdict = f"{unsafe} unsafe: do not deploy it so" if unsafe else "may be deployed"
    yield f"{new.name}, {both}: {verdict}"


def _live(sagas: list[InFlight], new: Spec) -> Iterator[str]:
    for each in sagas:
        name = each.version or "no version yet"
        how = {True: "", False: ", not committed: they go by the version of now"}[each.known]
        now = " (this one)" if each.version == new.version else ""
        yield f"{each.live:,} sagas in flight of {name}{now}{how}"
        for step, count in each.stuck.items():
            yield f"  {count:,} wait, or will wait, for step {step}, which cannot run for them"
        if each.sagas:
            yield f"  as {', '.join(each.sagas[:5])}"
