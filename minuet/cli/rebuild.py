"""`minuet rebuild`: a workflow's table made anew from its log, by who owns it."""

from __future__ import annotations

from typing import Annotated

import typer

from minuet.cli.anew import Wanted, make_all_anew, person_of, told
from minuet.cli.arguments import WorkflowArgument, offer_sagas
from minuet.cli.common import BootstrapOption, JsonOption, ProjectOption, connection, print_json
from minuet.cli.person import ByOption, WhyOption, YesOption, must_be_asked
from minuet.cli.verify import describe, progress_bar
from minuet.errors import UsageError
from minuet.rebuild import unknown
from minuet.spec import project as projects
from minuet.verify import verify

_HELP = """Drop a workflow's table and make it anew from the log, then verify it.

It may be typed while workers run: who owns a partition folds its log once more beside its work, \
puts right what differs, and writes all rows again. Where no worker runs, the next one that starts \
does it before anything else. The request stands in the log, with who asked and why.

Where the log has lost its beginning, rows of sagas that began there are all that is left of them: \
that is refused, or with --force these rows stay as they are.

Exit 1 when it is refused, or the table differs afterwards.

Example: minuet rebuild orders --why "a disk was bad"

minuet rebuild orders --saga order-0001 --saga order-0002 --why "edited by hand"
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("rebuild", help=_HELP)(rebuild)


def rebuild(  # noqa: PLR0913  (Typer wants a parameter for each option)
    workflow: WorkflowArgument,
    why: WhyOption,
    partition: Annotated[
        list[int] | None, typer.Option("--partition", min=0, help="Only this one; may be repeated.")
    ] = None,
    saga: Annotated[
        list[str] | None,
        typer.Option("--saga", help="Only this one; may be repeated.", autocompletion=offer_sagas),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Also where the log has lost its beginning.")
    ] = False,
    by: ByOption = "",
    yes: YesOption = False,
    bootstrap: BootstrapOption = "",
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Ask for it, wait until it is done, and verify."""
    person = person_of(by, why)
    wanted = Wanted(tuple(saga or ()), tuple(partition) if partition else None, force)
    spec = projects.load(workflow, project).spec
    must_be_asked(yes=yes, quiet=json)
    place = connection(bootstrap, project)
    if strangers := unknown(place, spec, wanted.sagas, wanted.partitions):
        message = f"{workflow} has no saga {strangers[0]!r}, neither in its table nor on its log"
        raise UsageError(message)
    if not yes:
        what = f"{len(wanted.sagas)} sagas" if wanted.sagas else "all rows"
        if not typer.confirm(f"make {what} of {workflow} anew from the log?", err=True):
            raise typer.Exit(1)
    with progress_bar("partitions made anew", quiet=json) as show:
        (made,) = make_all_anew(place, spec, [wanted], person, show)
    report = None
    if made.by_worker:
        with progress_bar("reading the log", quiet=json) as show:
            report = verify(place, spec, show)
    if json:
        asked = {"requests": dict(made.asked.offsets), "done": made.by_worker}
        print_json({**asked, "verified": report.as_dict() if report else None})
    else:
        for line in (told(spec, made), *(describe(report) if report else ())):
            typer.echo(line)
    if report is not None and not report.ok:
        raise typer.Exit(1)
