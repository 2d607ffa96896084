"""The command line: joins the commands, and turns errors into one clear message.

Each command module has `register(app)`; nothing else in the product imports from here.
"""

from __future__ import annotations

import importlib
import sys

import typer

from minuet.errors import MinuetError, UsageError

COMMANDS = ("dev", "topics", "publish", "worker", "saga", "verify", "demo", "bench")

EXIT_INTERRUPTED = 130


def build() -> typer.Typer:
    """The whole command line as one Typer app."""
    app = typer.Typer(
        name="minuet",
        help="Kafka choreography: steps are typed functions, a saga is a table, the log decides.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_minuet)
    for name in COMMANDS:
        try:
            command = importlib.import_module(f"minuet.cli.{name}")
        except ModuleNotFoundError as error:
            if not str(error.name).startswith("minuet."):
                raise
            continue
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


def _minuet(
    version: bool = typer.Option(False, "--version", help="Print the version and end."),
) -> None:
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"minuet {installed('minuet')}")
        raise typer.Exit
