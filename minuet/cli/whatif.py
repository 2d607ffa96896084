"""`minuet whatif`: recorded sagas under another version of the workflow."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from minuet.cli.arguments import WorkflowArgument, offer_sagas
from minuet.cli.columns import columns
from minuet.cli.common import (
    BootstrapOption,
    JsonOption,
    ProjectOption,
    connection,
    print_json,
    project_folder,
)
from minuet.cli.plain import plain
from minuet.cli.revisions import unpacked
from minuet.errors import ContractError, UnreadableValue, UsageError
from minuet.spec import project as projects
from minuet.spec.assemble import Workflow

if TYPE_CHECKING:
    from minuet.kafka.connection import Connection
    from minuet.rehearsal.candidate import Candidate
    from minuet.rehearsal.report import Report
    from minuet.rehearsal.wire import Saga

_HELP = """Say what would have ended differently, had another version of the workflow been there.

Each recorded saga is gone through under the other version: a folder with the project, or a \
revision of its git repository. Pure steps really run. What steps with resources said is taken as \
recorded where their inputs are equal; else it is unknown, and said so. Nothing is written to \
Kafka, and no service is called.

--simulated runs every step with resources on its simulated ones; --simulate-unknown only those \
that else are unknown. A saga is compared when its begin event is in the stretch.

--fail-on is for a pipeline: exit 1 when more sagas than that are different, unknown, or differ in \
outcome, events, fields or time.

Example: minuet whatif orders --from 7d --against main --html whatif.html

Example: minuet whatif orders --against ../candidate --where 'total > 100.0'

Example: minuet whatif orders --from 1d --against HEAD --fail-on 'different>0.1%' --json
"""
_SHOWN_MOST = 10


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("whatif", help=_HELP)(whatif)


def whatif(  # noqa: PLR0913  (Typer wants a parameter for each option)
    workflow: WorkflowArgument,
    against: Annotated[
        str, typer.Option("--against", help="The other version.", metavar="FOLDER|REVISION")
    ],
    begin: Annotated[str, typer.Option("--from", help="Where it begins.", metavar="WHEN")] = "",
    end: Annotated[str, typer.Option("--to", help="Before what it ends.", metavar="WHEN")] = "",
    saga: Annotated[
        str, typer.Option("--saga", help="Only this one.", autocompletion=offer_sagas)
    ] = "",
    where: Annotated[
        str, typer.Option("--where", help="Only sagas that begin so; in CEL.", metavar="EXPR")
    ] = "",
    simulated: Annotated[
        bool, typer.Option("--simulated", help="Run all resources on their simulated forms.")
    ] = False,
    simulate_unknown: Annotated[
        bool, typer.Option("--simulate-unknown", help="Those alone that else are unknown.")
    ] = False,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write a page with pictures.", metavar="FILE")
    ] = None,
    fail_on: Annotated[
        list[str] | None,
        typer.Option("--fail-on", help="Exit 1 when it is so; more.", metavar="CONDITION"),
    ] = None,
    jobs: Annotated[int, typer.Option(min=0, help="Processes; 0: one on each processor.")] = 0,
    bootstrap: BootstrapOption = "",
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Rehearse, and tell what was found."""
    from minuet.kafka.registries import registry_of
    from minuet.kafka.spans import bound, span
    from minuet.rehearsal.candidate import Candidate, Wish
    from minuet.rehearsal.page import Heading, page
    from minuet.rehearsal.report import Report, limit, over

    limits = [limit(text) for text in fail_on or ()]
    loaded = projects.load(workflow, project)
    begins, ends = bound(begin, "--from"), bound(end, "--to")
    place = connection(bootstrap, project)
    registry = registry_of(place, loaded.spec.schema_topic)
    form = "all" if simulated else "unknown" if simulate_unknown else ""
    stretch = span(place, loaded.spec.log_topic, begins, ends)
    report = Report()
    wanted = _wanted(loaded, registry, where, report)
    with _folder(against, project) as folder:
        wish = Wish(folder, against, workflow, loaded.spec, form)
        with Candidate(wish, registry.find, jobs or os.cpu_count() or 1) as candidate:
            _rehearse(place, loaded, candidate, (stretch, saga, wanted), report, quiet=json)
            notes = tuple(_notes(loaded, candidate, form))
    too_much = over(limits, report)
    words = f"{report.records:,} records"
    words += f" from {begin}" * bool(begin) + f" to {end}" * bool(end)
    if html is not None:
        heading = Heading(workflow, against, words, notes)
        html.write_text(page(heading, report), encoding="utf-8")
    if json:
        about = {"workflow": workflow, "against": against, "ok": not too_much, "over": too_much}
        print_json({**about, "notes": notes, **report.plain()})
    else:
        for line in _told(workflow, against, report, notes):
            typer.echo(line)
        for text in too_much:
            typer.echo(f"TOO MUCH: {text}")
    if too_much:
        raise typer.Exit(1)


def _rehearse(
    place: Connection, loaded: Workflow, candidate: Candidate, chosen: tuple[Any, str, Any],
    report: Report, *, quiet: bool,
) -> None:  # fmt: skip
    from minuet.cli.verify import progress_bar
    from minuet.rehearsal.recorded import batches

    stretch, saga, wanted = chosen
    topic = loaded.spec.log_topic
    with progress_bar("rehearsing", quiet=quiet) as show:
        found = batches(place, topic, stretch, loaded.spec.partitions, saga)
        if wanted is not None:
            found = (list(filter(wanted, batch)) for batch in found)
        for records, compared in candidate.compare(found):
            report.records += records
            for one in compared:
                report.add(one)
            show(report.records, stretch.most)
    if saga and not report.sagas + report.left_out:
        message = f"{loaded.spec.name} has no saga {saga!r} in that stretch of {topic}"
        raise UsageError(message)


@contextmanager
def _folder(against: str, project: Path | None) -> Iterator[Path]:
    """The candidate's project: a folder as it stands, or a revision unpacked."""
    folder = Path(against)
    if folder.is_dir():
        yield folder.resolve()
        return
    with unpacked(project_folder(project), against) as (_, inside):
        yield inside


def _wanted(
    workflow: Workflow, registry: Any, where: str, report: Report
) -> Callable[[Saga], bool] | None:
    """Return what says of a saga whether it begins as is wanted; one that began before is left to
    the comparison, which counts it. Of which it cannot be told, the report says.
    """
    if not where:
        return None
    from minuet.contracts.codec import Codec
    from minuet.event.record import SCHEMA
    from minuet.rehearsal.wire import records_of
    from minuet.where import Where

    begins = workflow.spec.begins
    condition = Where(where, workflow.models[begins])
    codec = Codec(workflow.models.values(), registry)

    def wanted(saga: Saga) -> bool:
        for record in records_of(saga):
            if record.type == begins:
                schema = record.headers.get(SCHEMA, b"")
                try:
                    return condition.holds(codec.decode(begins, schema, record.value))
                except UnreadableValue:
                    report.untold["its begin event cannot be read"] += 1
                except ContractError as error:
                    report.untold[str(error)] += 1
                return False
        return True

    return wanted


def _notes(workflow: Workflow, candidate: Candidate, form: str) -> Iterator[str]:
    """What one should know of the two versions to read the figures."""
    from minuet.rehearsal.sources import sources

    old, new = workflow.spec, candidate.spec
    if old.version == new.version:
        yield f"both are version {old.version} of the table, the steps' policy and the events"
    schemas = dict(old.events)
    other = [name for name, mark in new.events if schemas.get(name, mark) != mark]
    if other:
        yield f"events with another schema there: {', '.join(other)}"
    ours = sources(workflow)
    outside = {step.name for step in new.steps if step.resources}
    changed = sorted(
        name for name in outside if candidate.sources.get(name) != ours.get(name) and name in ours
    )
    if changed and form != "all":
        yield (
            f"steps with resources that are written in another way there: {', '.join(changed)}; "
            "where their inputs are equal they were not run: their recorded answers stand"
        )


def _told(workflow: str, against: str, report: Report, notes: tuple[str, ...]) -> Iterator[str]:
    yield f"{workflow} against {against}: {report.sagas:,} sagas, {report.records:,} records"
    if report.left_out:
        yield f"  {report.left_out:,} more began before that, and were not compared"
    for why, count in report.untold.most_common():
        yield f"  {count:,} more were not compared, since it cannot be told: {plain(why)}"
    yield from (f"  {note}" for note in notes)
    ends = [(b, a, f"{count:,}") for (b, a), count in report.ends.most_common()]
    if ends:
        yield from columns(("recorded", "there", "sagas"), ends)
    rows = [(f"{e}.{f}", f"{n:,}") for (e, f), n in report.changes.most_common()]
    rows += [(f"{name}, not said", f"{n:,}") for name, n in report.gone.most_common()]
    rows += [(f"{name}, said beside", f"{n:,}") for name, n in report.new.most_common()]
    rows += [(f"{name}, not known", f"{n:,}") for name, n in report.unknown_steps.most_common()]
    if rows:
        yield ""
        yield from columns(("what differs", "sagas"), rows)
    for one in report.kept[:_SHOWN_MOST]:
        yield f"{plain(one['saga'])}: {one['kind'] or 'unknown'}, {one['before']} to {one['after']}"
        yield from (
            f"    {c['event']}.{c['field']}: {plain(str(c['before']))} to {plain(str(c['after']))}"
            for c in one["changes"]
        )
    kinds = ", ".join(f"{count:,} in {kind}" for kind, count in report.kinds.most_common())
    differ = f"{report.differing:,} of {report.sagas:,} sagas would have been different"
    yield f"{differ}{f' ({kinds})' if kinds else ''}; of {report.unknown:,} something is not known"
