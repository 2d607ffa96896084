"""`minuet bench`: the figures of this machine, on a broker that the bench starts for itself."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from minuet.cli.arguments import GuaranteeName
from minuet.cli.common import JsonOption, ProjectOption, connection, print_json, project_folder
from minuet.cli.dev import progress_bar
from minuet.errors import UsageError

if TYPE_CHECKING:
    from minuet.bench.measures import Size
    from minuet.bench.place import Place
    from minuet.bench.stages import Stage
    from minuet.bench.workload import Workload
    from minuet.kafka.connection import Connection

_HELP = """Measure Minuet on this machine: sagas a second, how long one takes, and at what cost.

The reference saga is a chain of four steps that answer at once; every 20th order is refused at \
the third and compensated. The worker is a process of its own, and so is the floor: a raw loop of \
the client libraries that does the same reads and writes. Every table is then verified against its \
log; exit 1 when one differs.

It runs on a broker of its own in .minuet/bench, deleted afterwards, whatever the environment \
says; only --bootstrap takes another one, with the login that is set. Close what else is running, \
and look at the load.

\b
Examples:
  minuet bench                               about three minutes
  minuet bench --sagas 2000 --runs 1         a quick look
  minuet bench --workflow orders             simulated resources
  minuet bench --live 100000 --ended 1000000
                                             restore so many rows
  minuet bench --parallel                    two processes and one
  minuet bench --slow                        beside one that sleeps
  minuet bench --repeats                     what a kill makes run again
"""
_PARALLEL_SAGAS = 6_000
_SLOW_S = 20


@dataclass(frozen=True)
class _Wish:
    """What was typed."""

    workload: Workload
    size: Size
    live: int
    ended: int
    parallel: bool
    slow: bool
    repeats: bool


def register(app: typer.Typer) -> None:
    """Add `minuet bench`."""
    app.command("bench", help=_HELP)(bench)


def bench(  # noqa: PLR0913  (Typer wants a parameter for each option)
    sagas: Annotated[int, typer.Option(min=1, help="Sagas of a throughput run.")] = 20_000,
    runs: Annotated[int, typer.Option(min=1, help="Throughput runs; the median counts.")] = 3,
    one_by_one: Annotated[int, typer.Option(min=1, help="Sagas run one at a time.")] = 500,
    open_loop: Annotated[
        int, typer.Option(min=1, metavar="SECONDS", help="How long sagas begin on a schedule.")
    ] = 30,
    rate: Annotated[int, typer.Option(min=1, help="Sagas/s of that schedule.")] = 200,
    workflow: Annotated[
        str, typer.Option(help="The reference saga, or one that pyproject.toml names.")
    ] = "reference",
    file: Annotated[
        Path | None,
        typer.Option(help="Its begin events, as JSON lines; else examples/WORKFLOW.jsonl."),
    ] = None,
    guarantee: Annotated[
        GuaranteeName, typer.Option("--guarantee", help="How the worker writes.")
    ] = GuaranteeName.AT_LEAST_ONCE,
    live: Annotated[int, typer.Option(min=0, help="Restore so many live sagas.")] = 0,
    ended: Annotated[int, typer.Option(min=0, help="And so many that ended.")] = 0,
    parallel: Annotated[
        bool, typer.Option("--parallel", help="Two processes against one.")
    ] = False,
    slow: Annotated[bool, typer.Option("--slow", help="Sagas beside a slow one.")] = False,
    repeats: Annotated[
        bool, typer.Option("--repeats", help="Kill a busy worker, and count what ran again.")
    ] = False,
    bootstrap: Annotated[
        str,
        typer.Option(metavar="HOST:PORT", help="Another broker; the bench's topics are deleted."),
    ] = "",
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Run the bench that was asked for."""
    from minuet.bench.figures import rounded
    from minuet.bench.measures import Size
    from minuet.bench.workload import Workload

    if bool(live or ended) + parallel + slow + repeats > 1:
        message = (
            "--live/--ended, --parallel, --slow and --repeats are benches of their own: take one"
        )
        raise UsageError(message)
    if guarantee is not GuaranteeName.AT_LEAST_ONCE and (
        live or ended or parallel or slow or repeats
    ):
        message = "--guarantee is for throughput and latency: leave the other benches out"
        raise UsageError(message)
    folder = project_folder(project)
    events = file or folder / "examples" / f"{workflow}.jsonl"
    size = Size(sagas, runs, one_by_one, rate, open_loop)
    workload = Workload(workflow, str(project or ""), str(events), guarantee=guarantee.value)
    wish = _Wish(workload, size, live, ended, parallel, slow, repeats)
    other = connection(bootstrap, project) if bootstrap else None
    with _place(other, folder) as place, _stages() as stage:
        found = rounded(_run(wish, place, stage))
    if json:
        print_json(found)
    else:
        _print(found)
    wrong = any(found.get("repeats", {}).get("wrong", {}).values())
    if wrong or not found.get("verify", {"ok": True})["ok"]:
        raise typer.Exit(1)


def _run(wish: _Wish, place: Place, stage: Stage) -> dict[str, Any]:
    from minuet.bench import measures, repeats, scale, stored

    if not (wish.live or wish.ended or wish.parallel or wish.slow or wish.repeats):
        return measures.measure(place, wish.workload, wish.size, stage)
    before = measures.load()
    found: dict[str, Any]
    if wish.parallel:
        found = {"parallel": scale.parallel(place, _PARALLEL_SAGAS, stage)}
    elif wish.slow:
        found = {"slow": scale.slow(place, _SLOW_S, stage)}
    elif wish.repeats:
        found = {"repeats": repeats.measure(place, stage=stage)}
    else:
        found = {"restore": stored.measure(place, wish.live, wish.ended, stage)}
    return {**found, "load": measures.loads(before)}


@contextmanager
def _place(other: Connection | None, folder: Path) -> Iterator[Place]:
    from minuet.bench.place import other_broker, own_broker

    if other is not None:
        with other_broker(other) as place:
            yield place
        return
    with ExitStack() as stack:
        with progress_bar() as progress:
            place = stack.enter_context(own_broker(folder, progress))
        yield place


@contextmanager
def _stages() -> Iterator[Stage]:
    """What shows how far the bench is, on standard error when somebody looks."""
    from minuet.bench.stages import quiet

    if not sys.stderr.isatty():
        yield quiet
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), refresh_per_second=4) as bar:

        def stage(name: str, total: int) -> Any:
            task = bar.add_task(name, total=total or None)
            return lambda done: bar.update(task, completed=done)

        yield stage


def _print(found: dict[str, Any]) -> None:
    from minuet.bench import figures

    tables: dict[str, Sequence[figures.Figure]] = {
        "throughput": figures.MAIN,
        "restore": figures.STORED,
        "parallel": figures.PARALLEL,
        "slow": figures.SLOW,
        "repeats": figures.REPEATS,
    }
    table = Table("", "", "", "what was measured", box=None, pad_edge=False)
    table.columns[1].justify = "right"
    for figure in tables[next(name for name in tables if name in found)]:
        if text := figures.value(found, figure):
            table.add_row(figure.label, text, figure.unit, figure.says)
    console = Console()
    console.print(table)
    load = found["load"]
    console.print(
        f"\nload average {load['before']} before, {load['after']} after, on {load['cpus']} CPUs"
    )
    if verify := found.get("verify"):
        said = (
            f"{verify['rows']} rows of {verify['sagas']} sagas are the fold of {verify['events']} "
            "events"
        )
        console.print(f"verify: {said}" if verify["ok"] else f"verify FAILED: {verify}")
