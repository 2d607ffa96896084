"""`minuet dead-letters redrive`: many letters are taken up again at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from typing import Annotated, Any

import typer

from minuet.cli.arguments import WorkflowArgument
from minuet.cli.columns import columns
from minuet.cli.common import BootstrapOption, JsonOption, ProjectOption, print_json
from minuet.cli.letter_filters import (
    Asked,
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
from minuet.cli.person import ByOption, YesOption, must_be_asked, person
from minuet.cli.plain import plain, short
from minuet.cli.verify import progress_bar
from minuet.errors import BrokerError
from minuet.event.person import Person
from minuet.operations.journal import Journal, Operation
from minuet.redrive.choosing import Choice, choose
from minuet.redrive.deeds import Tally, redrive
from minuet.redrive.going_on import KIND, Unfinished, unfinished
from minuet.redrive.trying import Trying

HELP = """Take dead letters up again: the steps that gave up run again, under the same keys.

First a plan is shown: how many letters, of which steps, and how many are left and why. Then it \
asks; --yes is for where nobody can answer. A value that could not be read and can be now is given \
again; a record that belonged to no saga is appended again once it does belong to one.

With --dry-run pure steps are really run on what their letters are about, and nothing is written; \
those with resources run on simulated ones with --simulated, and else it is unknown what they say.

Each letter is one event on its saga's log, with who, why and the operation, under the id that \
`minuet saga resume` has too: two operators at once make one retry of each. Ctrl-C loses nothing; \
to go on, type the same again. What was redriven before counts for --limit then.

Exit 1 when Kafka did not take all of it.

Example: minuet dead-letters redrive orders --step charge_payment --why "the bank is back"

minuet dead-letters redrive orders --where "total > 100.0" --dry-run
"""
INTERRUPTED = 130


def redrive_letters(  # noqa: PLR0913  (Typer wants a parameter for each option)
    workflow: WorkflowArgument,
    step: StepOption = "",
    category: CategoryOption = "",
    saga: SagaOption = "",
    exception: ExceptionOption = "",
    begin: FromOption = "",
    end: ToOption = "",
    header: HeaderOption = None,
    where: WhereOption = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be done, and come of it.")
    ] = False,
    simulated: Annotated[
        bool,
        typer.Option("--simulated", help="Of --dry-run: run steps on their simulated resources."),
    ] = False,
    rate: Annotated[
        float, typer.Option("--rate", min=0, help="At most so many letters in a second; 0: all.")
    ] = 0,
    limit: Annotated[
        int, typer.Option("--limit", min=0, help="At most so many letters, the oldest; 0: all.")
    ] = 0,
    why: Annotated[str, typer.Option("--why", help="The reason; it stands in the log.")] = "",
    by: ByOption = "",
    yes: YesOption = False,
    bootstrap: BootstrapOption = "",
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Plan, ask, append, and print what came of it."""
    filters = Filters(step, category, saga, exception, begin, end, header, where)
    order = asked(workflow, filters, bootstrap, project)
    who = None if dry_run else person(by, why)
    instead = ", or --dry-run to see what would be done"
    must_be_asked(yes=dry_run or yes, quiet=json, instead=instead)
    said = {**filters.said(), "limit": limit, "rate": rate}
    before = _before(order, said, who, quiet=json)
    left = limit - before.letters if before else limit
    if before is not None and left <= 0:
        return _used_up(order, before, quiet=json)
    choice, would = _chosen(order, left, dry_run=dry_run, simulated=simulated, quiet=json)
    order.check_saga(choice.found)
    told = {**plan_of(order, choice), "before": before.letters if before else 0}
    if not json:
        for line in (*_before_lines(before, limit), *_plan_lines(told), *_would_lines(would)):
            typer.echo(line)
    if who is None or not choice.letters:
        if json:
            print_json({"operation": "", "result": "nothing done", **told, **would})
        return
    if not yes and not typer.confirm(f"redrive {len(choice.letters):,} letters?", err=True):
        raise typer.Exit(1)
    said["letters"] = len(choice.letters)
    operation, tally = _carry_out(order, choice, who, (said, before), quiet=json)
    if json:
        done = {"operation": operation.id, "result": _result(tally), "why": tally.stopped}
        print_json({**done, **tally.counts(), **told})
    else:
        for line in _done_lines(workflow, operation.id, tally):
            typer.echo(line)
    if tally.stopped or tally.failed:
        raise typer.Exit(INTERRUPTED if tally.stopped == "interrupted" else 1)


def _before(
    order: Asked, said: dict[str, Any], who: Person | None, *, quiet: bool
) -> Unfinished | None:
    """The operation that is gone on with: only where there is a limit is it one."""
    if who is None or not said["limit"]:
        return None
    place, spec = order.desk.connection, order.loaded.spec
    with progress_bar("looking for what was begun", quiet=quiet) as bar:
        return unfinished(place, spec, said, who, bar)


def _used_up(order: Asked, before: Unfinished, *, quiet: bool) -> None:
    """It was killed after its last letter: nothing of it is left but to say that it ended."""
    journal = Journal(order.desk.connection, order.loaded.spec)
    journal.end(before.operation, "done", {"before": before.letters})
    if quiet:
        done = {"operation": before.operation.id, "result": "done", "before": before.letters}
        print_json({**done, "effective": 0})
    else:
        about = f"operation {before.operation.id[:8]} had redriven {before.letters:,} letters"
        typer.echo(f"{about}, all of its --limit: it is done")


def _before_lines(before: Unfinished | None, limit: int) -> Iterator[str]:
    if before is not None:
        about = f"{before.letters:,} of --limit {limit:,} letters are redriven"
        yield f"goes on with operation {before.operation.id[:8]}: {about}"


def _carry_out(
    order: Asked, choice: Choice, who: Person, how: tuple[dict[str, Any], Unfinished | None],
    *, quiet: bool,
) -> tuple[Operation, Tally]:  # fmt: skip
    """Redrive between the two records of the operation."""
    said, before = how
    journal = Journal(order.desk.connection, order.loaded.spec)
    operation = before.operation if before else journal.begin(KIND, who.by, who.why, said)
    earlier = {"before": before.letters} if before else {}
    with progress_bar("redriving", quiet=quiet) as bar:
        tally = redrive(order.desk, choice, operation, said["rate"], bar)
    with suppress(BrokerError):  # what was appended stands, and says which operation it was
        journal.end(operation, _result(tally), {**tally.counts(), **earlier})
    return operation, tally


_WOULD = ("step", "result", "what", "letters")


def _chosen(
    order: Asked, limit: int, *, dry_run: bool, simulated: bool, quiet: bool
) -> tuple[Choice, dict[str, Any]]:
    """The letters that are taken up; of a dry run also what their steps would say."""
    with progress_bar("reading letters and table", quiet=quiet) as bar:
        if not dry_run:
            return choose(order.desk, order.wanted, bar, limit), {}
        names = order.loaded.steps if simulated else ()
        trying = Trying(order.loaded, order.desk.codec, names)
        try:
            choice = choose(order.desk, order.wanted, bar, limit, trying.visit)
        finally:
            trying.close()
    rows = [(*about, count) for about, count in trying.counts().most_common()]
    return choice, {
        "would": [dict(zip(_WOULD, row, strict=True)) for row in rows],
        "letters": [asdict(each) for each in trying.letters],
    }


def _would_lines(would: dict[str, Any]) -> Iterator[str]:
    found = would.get("would", [])
    if found:
        yield "what would come of it"
        yield from columns(_WOULD, [[short(each[n]) if n == "what" else each[n] for n in _WOULD]
                                    for each in found])  # fmt: skip


def plan_of(order: Asked, choice: Choice) -> dict[str, Any]:
    """What would be done, as plain data."""
    left = Counter(choice.left)
    for reason, count in order.unread.items():
        left[f"--where cannot be asked: {reason}"] += count
    return {
        "found": choice.found,
        "to_redrive": len(choice.letters),
        "sagas": choice.sagas,
        "plan": [
            {"act": act, "about": about, "category": category, "letters": count}
            for (act, about, category), count in choice.acts.most_common()
        ],
        "left": [
            {"why": why, "letters": count, "settled": why in choice.settled}
            for why, count in left.most_common()
        ],
    }


def _plan_lines(told: dict[str, Any]) -> Iterator[str]:
    if told["plan"]:
        names = ("act", "about", "category", "letters")
        rows = [[each[name] for name in names] for each in told["plan"]]
        yield from columns(names, rows)
    for each in told["left"]:
        yield f"left: {each['letters']:,}, since {plain(each['why'])}"
    yield f"{told['to_redrive']:,} of {told['found']:,} letters, of {told['sagas']:,} sagas"


def _result(tally: Tally) -> str:
    if tally.stopped == "interrupted":
        return "interrupted"
    return "failed" if tally.stopped or tally.failed else "done"


def _done_lines(workflow: str, operation: str, tally: Tally) -> Iterator[str]:
    yield f"{tally.effective:,} redriven, operation {operation}"
    if tally.earlier:
        yield f"{tally.earlier:,} were redriven by somebody else at the same time"
    if tally.without_effect:
        yield f"{tally.without_effect:,} without effect: something else was first"
    if tally.failed:
        yield f"{tally.failed:,} were not acknowledged"
    if tally.stopped:
        yield f"stopped: {plain(tally.stopped)}; to go on, type the same again"
    yield f"what came of it: minuet operations show {workflow} {operation[:8]}"
