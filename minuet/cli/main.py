"""The command line: joins the commands, and turns errors into one clear message.

Each command module has `register(app)`; nothing else in the product imports from here.
"""

from __future__ import annotations

import importlib
import sys
from typing import Annotated

import typer

from minuet.errors import MinuetError, UsageError

COMMANDS = (
    "dev", "topics", "schemas", "publish", "ingest", "worker", "saga", "incidents", "dead_letters",
    "verify", "config", "lint", "demo", "bench",
)  # fmt: skip

HELP = "Kafka choreography: steps are typed functions, a saga is a table, the log decides."

EXIT_INTERRUPTED = 130


def build() -> typer.Typer:
    """The whole command line as one Typer app."""
    app = typer.Typer(
        name="minuet",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(help=HELP)(_minuet)
    for name in COMMANDS:
        command = importlib.import_module(f"minuet.cli.{name}")
        command.register(app)
    return app


def main() -> None:
    """What the `minuet` script calls; exit 1 is a failure, 2 a wrong command line."""
    try:
        build()()
    except MinuetError as error:
        sys.stderr.write(f"minuet: {error}\n")
        sys.exit(2 if isinstance(error, UsageError) else 1)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)


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
