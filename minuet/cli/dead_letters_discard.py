"""`minuet dead-letters discard`: letters about which nothing more is to be done."""

from __future__ import annotations

import typer

from minuet.cli.arguments import WorkflowArgument
from minuet.cli.common import BootstrapOption, JsonOption, ProjectOption, print_json
from minuet.cli.letter_filters import (
    CategoryOption,
    ExceptionOption,
    Filters,
    FromOption,
    HeaderOption,
    SagaOption,
    StepOption,
    ToOption,
    WhereOption,
    asked,
)
from minuet.cli.person import ByOption, WhyOption, YesOption, must_be_asked, person
from minuet.cli.verify import progress_bar
from minuet.operations.journal import Journal
from minuet.redrive.discarding import Sorted, sort

HELP = """Mark dead letters as dealt with: `list` hides them, `redrive` leaves them.

A letter about which an incident is open is refused, since its saga would wait on: decide it with \
`minuet saga skip`, `answer` or `cancel`. What is marked stays in its topic.

Exit 1 when a letter was refused; the others are marked.

Example: minuet dead-letters discard orders --category early --to 30d --why "test orders"
"""


def discard(  # noqa: PLR0913  (Typer wants a parameter for each option)
    workflow: WorkflowArgument,
    why: WhyOption,
    step: StepOption = "",
    category: CategoryOption = "",
    saga: SagaOption = "",
    exception: ExceptionOption = "",
    begin: FromOption = "",
    end: ToOption = "",
    header: HeaderOption = None,
    where: WhereOption = "",
    by: ByOption = "",
    yes: YesOption = False,
    bootstrap: BootstrapOption = "",
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Look, ask, mark."""
    who = person(by, why)
    filters = Filters(step, category, saga, exception, begin, end, header, where)
    order = asked(workflow, filters, bootstrap, project)
    must_be_asked(yes=yes, quiet=json)
    with progress_bar("reading letters and table", quiet=json) as bar:
        found = sort(order.desk, order.wanted, bar)
    refused = sum(found.waiting.values())
    order.check_saga(len(found.may) + refused + found.settled)
    operation = ""
    if found.may:
        if not yes and not typer.confirm(f"discard {len(found.may):,} letters?", err=True):
            raise typer.Exit(1)
        journal = Journal(order.desk.connection, order.loaded.spec)
        begun = journal.begin("discard", who.by, who.why, filters.said())
        operation = begun.id
        journal.discard(begun, (letter.id for letter in found.may))
        journal.end(begun, "done", {"discarded": len(found.may), "refused": refused})
    done = {"discarded": len(found.may), "refused": refused, "settled_before": found.settled}
    if json:
        unread = order.unread_plain()
        more = {"waiting": dict(found.waiting), "unread": unread}
        print_json({"operation": operation, **done, **more})
    else:
        for line in order.unread_lines():
            typer.echo(line)
        typer.echo(f"{len(found.may):,} discarded, {found.settled:,} had been settled before")
        _tell_refused(workflow, found)
    if refused:
        raise typer.Exit(1)


def _tell_refused(workflow: str, found: Sorted) -> None:
    for about, count in found.waiting.items():
        text = f"minuet: refused: {count:,} of {about}: an incident is open, and its saga waits"
        typer.echo(text, err=True)
    if found.example is not None:
        saga = found.example.saga
        text = f"  decide it: minuet incidents show {workflow} {saga} has the commands, as "
        typer.echo(f"{text}`minuet saga skip`, `answer` or `cancel`", err=True)
