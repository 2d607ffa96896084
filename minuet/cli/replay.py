"""`minuet replay`: a stretch of a log into a file, another cluster, or the log itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from minuet.cli.arguments import WorkflowArgument, offer_events, offer_sagas
from minuet.cli.common import BootstrapOption, JsonOption, ProjectOption
from minuet.cli.replay_file import into_file
from minuet.cli.replay_here import rows_anew
from minuet.cli.replay_log import into_log
from minuet.cli.replay_shadow import into_shadow
from minuet.cli.replay_wish import Kind, Wish, kind_of
from minuet.spec import project as projects

_HELP = """Replay a stretch of the log: into a file, another cluster, a shadow, or the log itself.

What would be done is told first, and asked for; --yes answers. --from and --to take how long ago \
(2h), a moment (2026-11-24T10:00:00Z), or offsets (PARTITION/OFFSET,…).

--into FILE.avro keeps each record's bytes, and the schemas to read them with; FILE.jsonl has the \
events decoded as well. The file is there when it is whole.

--into here is recovery: what --source FILE or HOST:PORT has and the log has not is appended, and \
a worker runs what then is due. What is on the log already changes nothing. Without --source, rows \
that are not what the log says are made anew. --into HOST:PORT appends on another cluster.

--into shadow runs the sagas once more on topics of its own, without effects, and says which of \
them ended otherwise. With --shadow NAME workers serve it: `minuet worker orders --shadow NAME`.

For a file, --saga, --event, --where and --limit choose records. For a log they choose sagas, and \
so does --from: a saga that has such a record is replayed whole, up to --to.

The same command again goes on where it was broken off. Exit 1 when it did not come to its end; \
130 after Ctrl-C.

Example: minuet replay orders --from 2h --into orders.avro --yes

Example: minuet replay orders --where 'reason == "card expired"' --into declined.jsonl

Example: minuet replay orders --source orders.avro --into here --why "the cluster was lost"
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("replay", help=_HELP)(replay)


def replay(  # noqa: PLR0913  (Typer wants a parameter for each option)
    workflow: WorkflowArgument,
    into: Annotated[
        str, typer.Option("--into", help="here, shadow, a file, a cluster.", metavar="WHERE")
    ],
    begin: Annotated[str, typer.Option("--from", help="Where it begins.", metavar="WHEN")] = "",
    end: Annotated[str, typer.Option("--to", help="Before what it ends.", metavar="WHEN")] = "",
    saga: Annotated[
        list[str] | None,
        typer.Option("--saga", help="Only this one; more.", autocompletion=offer_sagas),
    ] = None,
    event: Annotated[
        list[str] | None,
        typer.Option("--event", help="Only this type; more.", autocompletion=offer_events),
    ] = None,
    where: Annotated[
        str, typer.Option("--where", help="Only events that fulfil this; in CEL.", metavar="EXPR")
    ] = "",
    source: Annotated[
        str, typer.Option("--source", help="A file or a cluster; else the log.", metavar="WHERE")
    ] = "",
    rate: Annotated[
        float, typer.Option("--rate", min=0, help="At most so many records a second.")
    ] = 0,
    limit: Annotated[int, typer.Option("--limit", min=0, help="At most so many.")] = 0,
    login: Annotated[
        Path | None,
        typer.Option("--login", help="Of the other cluster: NAME=VALUE lines.", metavar="FILE"),
    ] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Make the topics there that are missing.")
    ] = False,
    beside_workers: Annotated[
        bool, typer.Option("--beside-workers", help="Append also while workers run.")
    ] = False,
    by: Annotated[str, typer.Option("--by", help="Who decided; else the system's user.")] = "",
    why: Annotated[str, typer.Option("--why", help="The reason; into a log it is needed.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would do.")] = False,
    simulated: Annotated[
        bool, typer.Option("--simulated", help="In a shadow: steps on simulated resources.")
    ] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the topics of a shadow.")] = False,
    shadow: Annotated[
        str, typer.Option("--shadow", metavar="NAME", help="One that `minuet worker` serves.")
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    bootstrap: BootstrapOption = "",
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Plan, ask, and do it."""
    wish = Wish(
        workflow, into, begin, end, tuple(saga or ()), tuple(event or ()), where, source, rate,
        limit, login, apply, beside_workers, by, why, dry_run, simulated, keep,
        shadow, yes, bootstrap, json, project,
    )  # fmt: skip
    loaded = projects.load(workflow, project)
    kind = kind_of(into, "--into")
    wish.check_options(kind)
    wish.check_question()
    if kind is Kind.FILE:
        raise typer.Exit(into_file(wish, loaded))
    if kind is Kind.SHADOW:
        raise typer.Exit(into_shadow(wish, loaded))
    if kind is Kind.HERE and not source:
        raise typer.Exit(rows_anew(wish, loaded))
    raise typer.Exit(into_log(wish, loaded))
