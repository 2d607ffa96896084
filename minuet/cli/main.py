"""The command line: joins the commands, and turns errors into one clear message.

Each command module has `register(app)`; nothing else in the product imports from here. Only the
module of the command that was typed is imported, and for the list of commands none.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from minuet.errors import MinuetError, UsageError

# Each command, whose module is named alike, and the line that the list of commands has for it.
COMMANDS = {
    "publish": (
        "Publish events from JSON lines or CSV; each line is validated, good ones go through."
    ),
    "ingest": "Take events as CloudEvents over HTTP, until Ctrl-C or SIGTERM.",
    "worker": "Run a workflow's steps and its coordinator, until Ctrl-C or SIGTERM.",
    "verify": "Read the log from its start, fold it, and compare every stored row with the fold.",
    "demo": (
        "Run a thousand orders through two workers, some of them compensated, and verify it all."
    ),
    "bench": (
        "Measure Minuet on this machine: sagas a second, how long one takes, and at what cost."
    ),
    "dev": "The project's own broker: a real Kafka on this machine, with nothing to install.",
    "topics": "The topics of a workflow.",
    "schemas": "The schemas of a workflow's events.",
    "saga": "Look at sagas, and act on one.",
    "incidents": "What waits for a person.",
    "dead-letters": "Records that could not be handled.",
    "config": "The settings, and where they come from.",
}

HELP = "Kafka choreography: steps are typed functions, a saga is a table, the log decides."

EXIT_INTERRUPTED = 130


def build(*names: str) -> typer.Typer:
    """The command line as one Typer app, with these commands alone or with all."""
    app = _without_commands()
    for name in names or COMMANDS:
        command = importlib.import_module(f"minuet.cli.{name.replace('-', '_')}")
        command.register(app)
    return app


def outline() -> typer.Typer:
    """The command line with what is said of each command, and without what it does."""
    app = _without_commands()
    for name, line in COMMANDS.items():
        app.command(name, help=line)(_nothing)
    return app


def meant(words: Sequence[str]) -> typer.Typer:
    """As much of the command line as these words need: imports take most of a short command."""
    if words and words[0] in COMMANDS:
        return build(words[0])
    if set(words) <= {"-h", "--help", "--version"}:
        return outline()
    return build()  # a word that is no command: the nearest one is told


def main() -> None:
    """What the `minuet` script calls; exit 1 is a failure, 2 a wrong command line."""
    try:
        meant(sys.argv[1:])()
    except MinuetError as error:
        sys.stderr.write(f"minuet: {error}\n")
        sys.exit(2 if isinstance(error, UsageError) else 1)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)


def _without_commands() -> typer.Typer:
    app = typer.Typer(
        name="minuet",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(help=HELP)(_minuet)
    return app


def _nothing() -> None:
    """Stands in an outline for what a command does."""


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"minuet {version('minuet')}")
        raise typer.Exit


def _minuet(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_show_version, help="Print the version and end."
        ),
    ] = False,
) -> None:
    """Options of `minuet` itself."""
