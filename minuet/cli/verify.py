"""`minuet verify`: proves that a workflow's table is the fold of its log."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from minuet.cli.anew import Wanted, make_all_anew, person_of, told
from minuet.cli.arguments import WorkflowArgument
from minuet.cli.common import BootstrapOption, JsonOption, ProjectOption, connection, print_json
from minuet.cli.outside import from_outside
from minuet.cli.person import ByOption, WhyOption
from minuet.cli.plain import plain
from minuet.contracts.codec import Codec
from minuet.errors import UnreadableValue
from minuet.event.record import SCHEMA, Record
from minuet.kafka.connection import Connection
from minuet.kafka.registries import registry_of
from minuet.publish.envelope import saga_id_of
from minuet.spec import project as projects
from minuet.spec.assemble import Workflow
from minuet.verify import Difference, Report, verify
from minuet.verify.effects import Effects, verify_effects

_HELP = """Read the log from its start, fold it, and compare every stored row with the fold.

Each row is compared at its own offset in the log, so workers may go on meanwhile. A saga whose \
position is committed and which has no row, or an older one, is a difference too. An event from \
outside that says another saga than its key is counted and named: some producer sets other keys.

With --ledger, what services say they did is held against the log too: every effect once, what \
failed undone, nothing else. Effects of sagas that go on are counted, not judged.

Exit 1 when there is a difference; each is printed field by field. With --repair the sagas whose \
rows differ are made anew from the log, as by `minuet rebuild`, and all is verified once more.

Example: minuet verify orders

minuet verify orders --repair

minuet verify orders --ledger http://127.0.0.1:8099
"""
_SHOWN_MOST = 20


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("verify", help=_HELP)(verify_workflow)


def verify_workflow(  # noqa: PLR0913  (Typer wants a parameter for each option)
    workflow: WorkflowArgument,
    ledger: Annotated[
        str, typer.Option("--ledger", metavar="URL", help="Where services say what they did.")
    ] = "",
    sagas: Annotated[
        str,
        typer.Option("--sagas", metavar="PREFIX", help="Of the ledger only sagas that begin so."),
    ] = "",
    repair: Annotated[
        bool, typer.Option("--repair", help="Make anew the sagas whose rows differ.")
    ] = False,
    why: WhyOption = "",
    by: ByOption = "",
    bootstrap: BootstrapOption = "",
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Compare, and print what was found."""
    loaded = projects.load(workflow, project)
    place = connection(bootstrap, project)
    with progress_bar("reading the log", quiet=json) as show:
        report = verify(place, loaded.spec, show, _key(loaded, place))
    repaired = None
    if repair and not report.ok:
        repaired = _repaired(loaded, place, report, (by, why), quiet=json)
        report = repaired.report
    effects = verify_effects(place, loaded.spec, ledger, sagas=sagas) if ledger else None
    if json:
        more = {} if effects is None else {"ledger": effects.as_dict()}
        more |= {} if repaired is None else {"repaired": repaired.as_dict()}
        print_json({**report.as_dict(), **more})
    else:
        before = repaired.lines if repaired else []
        after = describe_effects(effects) if effects else ()
        for line in (*before, *describe(report), *after):
            typer.echo(line)
    if not report.ok or (effects is not None and not effects.ok):
        raise typer.Exit(1)


@dataclass(frozen=True)
class _Repaired:
    """What was repaired, in lines and as data, and what a comparison says after it."""

    report: Report
    lines: list[str]
    differed: int
    by_worker: bool

    def as_dict(self) -> dict[str, object]:
        """As plain data."""
        return {"differed": self.differed, "done": self.by_worker}


def _repaired(
    loaded: Workflow, place: Connection, report: Report, who: tuple[str, str], *, quiet: bool
) -> _Repaired:
    """Have made anew what differs, and compare once more."""
    spec, differed = loaded.spec, report.differing
    by, why = who
    person = person_of(by, why or f"verify --repair: {report.differing} differences")
    wanted = [Wanted(sagas, (partition,)) for partition, sagas in _differing(report).items()]
    with progress_bar("making partitions anew", quiet=quiet) as show:
        made = make_all_anew(place, spec, wanted, person, show)
    lines = [line for each in report.differences[:_SHOWN_MOST] for line in _difference(each)]
    lines += [told(spec, each) for each in made]
    by_worker = all(each.by_worker for each in made)
    if by_worker:
        with progress_bar("reading the log", quiet=quiet) as bar:
            report = verify(place, spec, bar, _key(loaded, place))
    return _Repaired(report, lines, differed, by_worker)


def _differing(report: Report) -> dict[int, tuple[str, ...]]:
    """The sagas that differ, by partition; none named where there are too many to be kept."""
    found: dict[int, dict[str, None]] = {}
    for each in report.differences:
        found.setdefault(each.partition, {})[each.saga] = None
    if report.differing > len(report.differences):
        return dict.fromkeys(range(report.partitions), ())
    return {partition: tuple(sagas) for partition, sagas in found.items()}


def _key(workflow: Workflow, place: Connection) -> Callable[[Record], str]:
    """Return what reads the key out of an event from outside; other records have theirs from us."""
    field = workflow.spec.key
    models = {n: m for n, m in from_outside(workflow).items() if field in m.model_fields}
    codec = Codec(models.values(), registry_of(place, workflow.spec.schema_topic))

    def key(record: Record) -> str:
        if record.type not in models:
            return record.key
        try:
            event = codec.decode(record.type, record.headers.get(SCHEMA, b""), record.value)
        except UnreadableValue:
            return record.key  # of which an incident tells
        return saga_id_of(event, field)

    return key


def describe_effects(effects: Effects) -> Iterator[str]:
    """What the ledger's comparison found in lines, differences first."""
    for text in effects.differences[:_SHOWN_MOST]:
        yield f"DIFFERENT: {plain(text)}"
    if len(effects.differences) > _SHOWN_MOST:
        yield f"and {len(effects.differences) - _SHOWN_MOST} more; --json has all"
    counts = (
        f"{effects.effects:,} effects, {effects.called_again:,} of them asked for again, "
        f"{effects.open:,} of sagas that go on"
    )
    if effects.ok:
        yield f"ledger: {counts}; each once, and what failed is undone"
    else:
        yield f"LEDGER DIFFERS: {len(effects.differences):,} differences; {counts}"


def describe(report: Report) -> Iterator[str]:
    """The report in lines, differences first."""
    for difference in report.differences[:_SHOWN_MOST]:
        yield from _difference(difference)
    if report.differing > _SHOWN_MOST:
        yield f"and {report.differing - _SHOWN_MOST} more; --json has up to a thousand"
    yield (
        f"{report.workflow}: {report.events:,} events, {report.sagas:,} sagas, "
        f"{report.partitions} partitions"
    )
    yield _counts(report, "completed", "compensated", "live", "early", "incidents", "uncommitted")
    yield _counts(
        report, "duplicates", "conflicts", "strays", "nondeterministic", "illegal", "unreadable"
    )
    if report.cut:
        yield f"  {report.cut:,} rows cannot be compared: the log has lost their beginning"
    if report.misplaced:
        yield (
            f"  {report.misplaced:,} sagas are not in the partition of their key: some producer "
            "has another partitioner than murmur2"
        )
    if report.miskeyed:
        yield (
            f"  {report.miskeyed:,} events from outside belong to another saga than they say: "
            f"{plain(report.miskeyed_first)}; the key decides, so let the producer set it from "
            "that field"
        )
    if report.ok:
        yield f"verified: {report.rows:,} rows, each is the fold of the log"
    else:
        yield f"NOT VERIFIED: {report.differing:,} differences; {report.rows:,} rows compared"


def _counts(report: Report, *names: str) -> str:
    return "  " + ", ".join(f"{getattr(report, name):,} {name}" for name in names)


def _difference(difference: Difference) -> Iterator[str]:
    yield f"DIFFERENT: {difference}"
    width = max((len(one.field) for one in difference.fields), default=0)
    for one in difference.fields:
        yield f"    {one.field:<{width}}  stored {one.stored}  folded {one.folded}"


@contextmanager
def progress_bar(text: str, *, quiet: bool = False) -> Iterator[Callable[[int, int], None]]:
    """Yield what to tell how much is done, and of how much; it shows when somebody looks."""
    if quiet or not sys.stderr.isatty():
        yield lambda _done, _all: None
        return
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(text, total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)
