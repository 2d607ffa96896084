"""`minuet demo`: a thousand orders through a broker of one's own, watched and checked."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from minuet.cli import dev, shop
from minuet.cli.common import (
    BootstrapOption,
    JsonOption,
    ProjectOption,
    connection,
    print_json,
    project_folder,
)
from minuet.cli.demo_report import report
from minuet.cli.demo_screen import Screen
from minuet.demo import WORKFLOWS, Options, demo
from minuet.dev import Broker
from minuet.errors import UsageError
from minuet.spec import project as projects
from minuet.spec.assemble import Workflow

_HELP = """Run a thousand orders while services fail and a worker is killed, and verify it all.

Starts the project's own Kafka (no Java, no Docker), a shop whose services fail now and then, two \
workers of `orders` and one of `refunds`, and publishes the orders under ids of their own for each \
run. At moments drawn from a seed the shop is out, a worker is killed, and rotten bytes come onto \
the log. In the end each row of the table and each effect of the shop is held against the log. \
Kafka goes on afterwards, so that you can look around; --down stops it.

Exit 1 when a check fails.

Example: minuet demo

minuet demo --calm --rate 200

minuet demo --seed 7
"""


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
    ] = 100,
    calm: Annotated[
        bool, typer.Option("--calm", help="No outage, no killed worker, no rotten bytes.")
    ] = False,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Of the moments when something goes wrong.")
    ] = None,
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
    workflows = _load(folder)
    orders = file if file.is_absolute() else folder / file
    options = Options(folder, orders, rate, calm=calm, seed=seed)
    with (
        _broker(folder, bootstrap, down=down) as address,
        Screen(interrupt.ask, quiet=json) as screen,
    ):
        result = demo(workflows, connection(address, folder), options, screen)
    if json:
        print_json(result.as_dict())
    else:
        report(result, rate, goes_on=not down and not bootstrap)
    if not result.ok:
        raise typer.Exit(1)


def _load(folder: Path) -> dict[str, Workflow]:
    found = projects.find(folder)
    for name in WORKFLOWS:
        if name not in found.workflows:
            message = (
                f"{found.file} names no workflow {name!r}, which the demo runs: go to the folder "
                "of Minuet's own project, or name it with --project"
            )
            raise UsageError(message)
    return {name: found.load(name) for name in WORKFLOWS}


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
