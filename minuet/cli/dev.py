"""`minuet dev`: the project's own broker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from minuet.cli.common import JsonOption, ProjectOption, print_json, project_folder
from minuet.dev import Broker, jars

dev = typer.Typer(
    help="The project's own broker: a real Kafka on this machine, with nothing to install.",
    no_args_is_help=True,
)

PortOption = Annotated[
    int, typer.Option("--port", min=0, max=65535, help="The port it must have; 0: any.")
]


def register(app: typer.Typer) -> None:
    """Add `minuet dev`."""
    app.add_typer(dev, name="dev")


@dev.command(epilog="Example: minuet dev up")
def up(port: PortOption = 0, project: ProjectOption = None, as_json: JsonOption = False) -> None:
    """Start the broker, if it is not running, and print its address."""
    broker = Broker(project_folder(project))
    with progress_bar() as progress:
        bootstrap = broker.up(progress, port=port)
    if as_json:
        print_json(asdict(broker.status()))
    else:
        typer.echo(f"Kafka is up at {bootstrap}")


@dev.command(epilog="Example: minuet dev down")
def down(project: ProjectOption = None, as_json: JsonOption = False) -> None:
    """Stop the broker; its data stay for the next `up`."""
    was_running = Broker(project_folder(project)).down()
    if as_json:
        print_json({"stopped": was_running})
    else:
        typer.echo("Kafka is down; its data are kept" if was_running else "Kafka was not running")


@dev.command(epilog="Example: minuet dev status --json")
def status(project: ProjectOption = None, as_json: JsonOption = False) -> None:
    """Say whether the broker is running; exit 1 when it is not."""
    found = Broker(project_folder(project)).status()
    if as_json:
        print_json(asdict(found))
    else:
        where = f" at {found.bootstrap} (pid {found.pid})" if found.pid else ""
        typer.echo(f"Kafka is {found.state}{where}")
        typer.echo(f"data {found.folder}, {found.data_bytes / 1e6:.1f} MB")
        typer.echo(f"log  {found.log}")
    if found.state != "running":
        raise typer.Exit(1)


@dev.command(epilog="Example: minuet dev reset && minuet dev up")
def reset(project: ProjectOption = None, as_json: JsonOption = False) -> None:
    """Stop the broker and delete all its data."""
    was_running = Broker(project_folder(project)).reset()
    if as_json:
        print_json({"stopped": was_running, "deleted": True})
    else:
        typer.echo("Kafka is down and its data are deleted")


@contextmanager
def progress_bar() -> Iterator[jars.Progress]:
    """What to give `Broker.up`: shows the download, then that Kafka starts, on standard error."""
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=console,
        transient=True,
    )
    with ExitStack() as shown:
        download = bar.add_task("")

        def show(what: str, done: int, total: int) -> None:
            if not total:
                shown.close()
                shown.enter_context(console.status(what))
                return
            if not bar.live.is_started:
                shown.enter_context(bar)
            bar.update(download, description=what, completed=done, total=total)

        yield show
