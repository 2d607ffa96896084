"""`minuet chaos`: a workflow on a real Kafka while workers and broker are killed, and an audit."""

from __future__ import annotations

import secrets
import signal
import sys
from collections.abc import Callable
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from minuet.cli.arguments import BeginEventsOption, GuaranteeName, WorkflowArgument
from minuet.cli.common import JsonOption, ProjectOption, print_json, project_folder
from minuet.cli.plain import plain
from minuet.cli.verify import progress_bar
from minuet.errors import UsageError
from minuet.spec import project as projects

if TYPE_CHECKING:
    from minuet.chaos import Fired

_EXIT_TERMINATED = 143
_MINUTES = 5.0
_HELP = """Run a workflow on a real Kafka while workers and broker are killed, and audit it.

Begin events are published at a steady rate. Faults are drawn from a seed: a worker is killed \
(kill), dies at a named place of its own code (failpoint), is stopped for longer than its \
session and let go on (zombie), stopped briefly (pause), stopped cleanly (restart), joined by \
one more (scale); connections are cut after an append and before its answer (cut); the broker is \
killed (broker-kill) or stopped (broker-pause). With --nodes 3 it has three nodes, each event has \
to be on two of them, and one at a time is killed (node-kill) or stopped (node-pause). Then all \
is mended, and when every saga has \
ended an auditor that shares nothing with the core holds topics and the services' ledger against \
the promises: no acknowledged event is lost, each effect is effective once, what failed is \
undone.

Steps of `orders` reach a shop over HTTP; with --simulated the simulated resources are used, which \
keep no ledger. Ctrl-C breaks a run off, and --resume goes on with it. The Kafka and its data are \
in .minuet/chaos.

Exit 1 when a promise was broken.

\b
Examples:
  minuet chaos orders --minutes 5
  minuet chaos orders --minutes 30 --every 20 --only kill --supervised
  minuet chaos orders --minutes 60 --resume --json
  minuet chaos orders --rounds 10 --nodes 3 --only node-kill --guarantee transactional
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("chaos", help=_HELP)(chaos)


def chaos(  # noqa: PLR0913  (Typer wants a parameter for each option)
    workflow: WorkflowArgument,
    minutes: Annotated[
        float | None,
        typer.Option(
            min=0.05, show_default=False, help="Under load and faults; 5 where no rounds are named."
        ),
    ] = None,
    rounds: Annotated[
        int,
        typer.Option(
            min=0,
            show_default=False,
            help="End when each fault was made so often, and each place of failpoint.",
        ),
    ] = 0,
    rate: Annotated[float, typer.Option(min=0.1, help="Sagas begun in a second.")] = 100.0,
    every: Annotated[float, typer.Option(min=0.1, help="A fault each so many seconds.")] = 10.0,
    only: Annotated[list[str] | None, typer.Option(help="Faults; may be given again.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="At once.")] = 2,
    nodes: Annotated[
        int, typer.Option(min=1, max=9, help="Of Kafka; of several one at a time is hit.")
    ] = 1,
    supervised: Annotated[
        bool, typer.Option("--supervised", help="Each worker by a supervisor (--processes).")
    ] = False,
    guarantee: Annotated[
        GuaranteeName, typer.Option("--guarantee", help="How the workers write.")
    ] = GuaranteeName.AT_LEAST_ONCE,
    simulated: Annotated[
        bool, typer.Option("--simulated", help="The simulated resources, and no ledger.")
    ] = False,
    latency_ms: Annotated[
        int, typer.Option("--latency-ms", min=0, help="Of each call of the shop.")
    ] = 200,
    seed: Annotated[int | None, typer.Option(min=0, help="Of the faults; else drawn.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run that was broken off.")
    ] = False,
    file: BeginEventsOption = None,
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Run, and tell what was found."""
    signal.signal(signal.SIGTERM, _told_to_stop)
    from minuet.chaos import Wish, kinds_of, run, summary
    from minuet.simulation import begin_events

    loaded, folder = projects.load(workflow, project), project_folder(project)
    events = begin_events(loaded, file or folder / "examples" / f"{workflow}.jsonl")
    if not events:
        message = "there are no begin events: name a file that has some, as JSON lines, with --file"
        raise UsageError(message)
    known = projects.find(folder)
    others = [known.load(name).spec for name in known.workflows if name != workflow]
    wish = Wish(
        loaded, events, others, folder, seconds=_seconds(minutes, rounds), rate=rate,
        every_s=every, kinds=tuple(only or kinds_of(nodes)), rounds=rounds, nodes=nodes,
        workers=workers, supervised=supervised, guarantee=guarantee.value, shop=not simulated,
        latency_ms=latency_ms, seed=secrets.randbelow(1_000_000) if seed is None else seed,
        resume=resume,
    )  # fmt: skip
    with _Screen("rounds" if rounds else "under load", quiet=json) as screen:
        found = summary(run(wish, screen))
    if json:
        print_json(found)
    else:
        _print(found)
    if not found["ok"]:
        raise typer.Exit(1)


def _seconds(minutes: float | None, rounds: int) -> float:
    """How long the load goes on at most."""
    if minutes is None:
        return inf if rounds else _MINUTES * 60
    return minutes * 60


def _told_to_stop(*_: object) -> NoReturn:
    """SIGTERM: nothing that was stopped stays so."""
    sys.exit(_EXIT_TERMINATED)


class _Screen:
    """Stages and faults on standard error, and a bar while somebody looks."""

    def __init__(self, counts: str, *, quiet: bool) -> None:
        self._console = Console(stderr=True, quiet=quiet)
        self._bar = progress_bar(counts, quiet=quiet)
        self._began = monotonic()
        self._show: Callable[[int, int], None] = lambda _done, _all: None

    def __enter__(self) -> _Screen:
        self._show = self._bar.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.__exit__(None, None, None)

    def stage(self, text: str) -> None:
        """Something begins."""
        self._console.print(f"[bold]>[/] {text}", highlight=False)

    def fired(self, fault: Fired, number: int, of: int) -> None:
        """A fault was made."""
        count = f"{number}/{of}" if of else f"{number}"
        long = f" for {fault.seconds:.1f} s" if fault.seconds else ""
        at_s = monotonic() - self._began
        text = f"  [bold red]![/] {at_s:6.1f} s  {fault.kind} {count}{long}: {plain(fault.what)}"
        self._console.print(text, highlight=False)

    def look(self, done: int, of: int) -> None:
        """How far it is."""
        self._show(done, of)


def _print(found: dict[str, Any]) -> None:
    table = Table("fault", title=f"{found['workflow']}, {found['seconds']:.0f} s under load")
    for name in (
        "n",
        "hit",
        "missed",
        "in flight, least",
        "p50",
        "silence p50 s",
        "p95 s",
        "worst s",
    ):
        table.add_column(name, justify="right")
    for kind, of in found["faults"].items():
        counts = (of["count"], of["hit"], of["missed"], of["in_flight_least"], of["in_flight_p50"])
        silences = (of["silence_p50_s"], of["silence_p95_s"], of["silence_most_s"])
        cells = [f"{count:,}" for count in counts] + [f"{silence:.1f}" for silence in silences]
        table.add_row(kind, *cells)
    Console().print(table)
    missed = sum(of["missed"] for of in found["faults"].values())
    if left := found["failpoints_left"]:
        typer.echo(f"places that nobody died at: {', '.join(left)}")
    if missed:
        typer.echo(
            f"{missed} faults hit fewer than {found['hit_least']} sagas in flight and show little: "
            "raise --rate or --latency-ms"
        )
    ended = ", ".join(f"{count:,} {name}" for name, count in sorted(found["ended"].items()))
    typer.echo(f"{found['acked']:,} acknowledged, {found['lost']:,} lost; {ended}")
    typer.echo(
        f"{found['effects']:,} effects, {found['asked_again']:,} asked for again; all sagas had "
        f"ended {found['settled_s']:.0f} s after the last fault was mended"
    )
    for text in found["violations"]:
        typer.echo(f"VIOLATION: {plain(text)}")
    verified = "each row is the fold" if found["verify"]["ok"] else "ROWS DIFFER"
    typer.echo(f"verify: {found['verify']['rows']:,} rows, {verified}")
    if found["ok"]:
        typer.echo(f"every promise was kept; --seed {found['seed']} draws the same faults")
    else:
        typer.echo(f"PROMISES BROKEN: {found['violated']:,}; --seed {found['seed']}")
