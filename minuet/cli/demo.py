"""`minuet demo`: a thousand orders through a broker of one's own, watched and checked."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from minuet.cli import dev, shop
from minuet.cli.common import (
    BootstrapOption,
    JsonOption,
    ProjectOption,
    connection,
    print_json,
    project_folder,
)
from minuet.cli.verify import describe
from minuet.demo import Options, Result, demo
from minuet.dev import Broker
from minuet.errors import UsageError
from minuet.spec import project as projects
from minuet.spec.assemble import Workflow

_HELP = """Run a thousand orders through two workers, some of them compensated, and verify it all.

Starts the project's own Kafka (no Java, no Docker), makes the topics of `orders`, runs two \
workers on simulated services, publishes the orders under ids of their own for each run, and holds \
the table against the log and the services' ledger against both. Kafka goes on afterwards, so that \
you can look around; --down stops it.

Exit 1 when a check fails.

Example: minuet demo
"""
_WORKFLOW = "orders"


def register(app: typer.Typer) -> None:
    """Add the command."""
    rooms = typer.Typer(invoke_without_command=True, help=_HELP)
    rooms.callback()(run_demo)
    rooms.command("shop", help=shop.HELP)(shop.shop)
    app.add_typer(rooms, name="demo")


def run_demo(  # noqa: PLR0913  (Typer wants a parameter for each option)
    context: typer.Context,
    file: Annotated[
        Path, typer.Option("--file", "-f", help="The orders, as JSON lines.", metavar="FILE")
    ] = Path("examples/orders.jsonl"),
    rate: Annotated[
        int, typer.Option("--rate", min=0, help="Orders a second; 0: as fast as it goes.")
    ] = 200,
    down: Annotated[bool, typer.Option("--down", help="Stop Kafka at the end.")] = False,
    bootstrap: BootstrapOption = "",
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Run the demo and show what it found; a sub-command runs instead of it."""
    if context.invoked_subcommand is not None:
        return
    interrupt = _Interrupt()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    folder = project_folder(project)
    workflow = _load(folder)
    options = Options(folder, file if file.is_absolute() else folder / file, rate)
    with _broker(folder, bootstrap, down=down) as address, _Screen(interrupt, quiet=json) as screen:
        result = demo(workflow, connection(address, folder), options, screen)
    if json:
        print_json(result.as_dict())
    else:
        _print(result, rate, goes_on=not down and not bootstrap)
    if not result.ok:
        raise typer.Exit(1)


def _load(folder: Path) -> Workflow:
    found = projects.find(folder)
    if _WORKFLOW not in found.workflows:
        message = (
            f"{found.file} names no workflow {_WORKFLOW!r}, which the demo runs: go to the folder "
            "of Minuet's own project, or name it with --project"
        )
        raise UsageError(message)
    return found.load(_WORKFLOW)


class _Interrupt:
    """Raises at a signal, and goes on to.

    What is raised inside of a callback of the Kafka client, or as an object is deleted, is printed
    and lost: so whoever looks now and then asks again.
    """

    def __init__(self) -> None:
        self._heard = False

    def __call__(self, *_: object) -> NoReturn:
        self._heard = True
        raise KeyboardInterrupt

    def ask(self) -> None:
        """Raise if there was a signal."""
        if self._heard:
            raise KeyboardInterrupt


@contextmanager
def _broker(folder: Path, bootstrap: str, *, down: bool) -> Iterator[str]:
    """The project's own broker, whatever the environment names; or the one that was typed.

    It goes on afterwards, but not when it was started here and the demo did not get through.
    """
    if bootstrap:
        yield bootstrap
        return
    broker = Broker(folder)
    was_running = broker.running() is not None
    try:
        with dev.progress_bar() as progress:
            address = broker.up(progress)
        yield address
    except BaseException:
        if not was_running:
            broker.down()
        raise
    if down:
        broker.down()


class _Screen:
    """The stages of a demo on standard error, with bars while somebody looks."""

    def __init__(self, interrupt: _Interrupt, *, quiet: bool) -> None:
        self._interrupt = interrupt
        self._quiet = quiet
        self._console = Console(stderr=True)
        self._stack = ExitStack()
        self._bars: dict[str, TaskID] = {}
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=self._console, transient=True)

    def __enter__(self) -> _Screen:
        if not self._quiet and self._console.is_terminal:
            self._stack.enter_context(self._progress)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def stage(self, text: str) -> None:
        """Something begins."""
        self._interrupt.ask()
        if not self._quiet:
            self._console.print(f"[bold]>[/] {text}", highlight=False)

    def orders(self, begun: int, completed: int, compensated: int, total: int) -> None:
        """How far the orders are."""
        text = f"  {begun:,} placed, {completed:,} completed, {compensated:,} compensated"
        self._bar("orders", text, completed + compensated, total)

    def verified(self, done: int, total: int) -> None:
        """How much of the log is verified."""
        self._bar("verified", f"  {done:,} of {total:,} events", done, total)

    def _bar(self, name: str, text: str, done: int, total: int) -> None:
        self._interrupt.ask()
        if name not in self._bars:
            self._bars[name] = self._progress.add_task(text, total=total)
        self._progress.update(self._bars[name], description=text, completed=done, total=total)


def _print(result: Result, rate: int, *, goes_on: bool) -> None:
    console = Console()
    table = Table("outcome", title=f"{result.orders:,} orders, run {result.run}")
    for name in ("orders", "p50 ms", "p99 ms"):
        table.add_column(name, justify="right")
    for outcome in result.outcomes:
        well = outcome.name == "completed"
        name = outcome.name if well else f"compensated after {outcome.name}"
        figures = (f"{outcome.orders:,}", f"{outcome.p50_ms:.0f}", f"{outcome.p99_ms:.0f}")
        table.add_row(name, *figures)
    console.print()
    console.print(table)
    pace = f"published at {rate}/s" if rate else "published as fast as it goes"
    typer.echo(
        f"{result.sagas_per_s:,.0f} sagas/s in {result.seconds:.1f} s, {pace}; latency is from "
        "OrderPlaced to the saga's end, by the log's clock\n"
    )
    for line in describe(result.verify):
        typer.echo(line)
    typer.echo(_ledger(result))
    typer.echo("")
    _next(result, goes_on=goes_on)


def _ledger(result: Result) -> str:
    found = result.ledger
    if not found.ok:
        return (
            f"LEDGER DIFFERS: {found.missing:,} answers of the log without an effect, "
            f"{found.unsaid:,} effects without an answer"
        )
    again = f"; {found.called_again:,} asked for again, to no effect" if found.called_again else ""
    return (
        f"ledger: {found.effects:,} effects of the services, each key once, as the log says{again}"
    )


def _next(result: Result, *, goes_on: bool) -> None:
    program = "minuet" if shutil.which("minuet") else os.path.relpath(sys.argv[0])
    if program.endswith("__main__.py"):
        program = f"{Path(sys.executable).name} -m minuet"
    failed = [saga for name, saga in result.examples.items() if name != "completed"]
    saga = next(iter(failed or result.examples.values()), "ID")
    if not goes_on:
        return
    typer.echo(f"Kafka goes on at {result.bootstrap}. What to try now:")
    for command, what in (
        (f"{program} saga history {_WORKFLOW} {saga}", "how one order was undone"),
        (f"{program} saga list {_WORKFLOW} --status compensated", "which were"),
        (f"{program} worker {_WORKFLOW} --simulated", "a worker of your own, and beside it:"),
        (f"{program} publish {_WORKFLOW} OrderPlaced -f examples/orders.jsonl", ""),
        (f"{program} verify {_WORKFLOW}", "once more"),
        (f"{program} dev down", "stop Kafka, keep its data"),
    ):
        typer.echo(f"  {command:<58}  {what}".rstrip())
