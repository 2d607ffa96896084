"""The command line: joins the commands, and turns errors into one clear message.

Each command module has `register(app)`; nothing else in the product imports from here.
"""

from __future__ import annotations

import importlib
import json
import sys
from contextlib import suppress
from typing import Annotated, Any, NoReturn, cast

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException
from typer.rich_utils import rich_format_error

from minuet.errors import MinuetError, UsageError

COMMANDS = (
    "new", "dev", "topics", "schemas", "publish", "ingest", "worker", "saga", "incidents",
    "dead_letters", "verify", "config", "lint", "demo", "bench",
)  # fmt: skip

HELP = "Kafka choreography: steps are typed functions, a saga is a table, the log decides."

EXIT_INTERRUPTED = 130


class _Interrupted(Exception):
    """Ctrl-C that the command itself has no answer to; Typer would make a bare exit code of it."""


class _Group(TyperGroup):
    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise _Interrupted from None


def build() -> typer.Typer:
    """The whole command line as one Typer app."""
    app = typer.Typer(
        name="minuet",
        cls=_Group,
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
    """What the `minuet` script calls; exit 1 is a failure, 2 a wrong command line, 130 Ctrl-C."""
    try:
        code = build()(standalone_mode=False)
    except TyperException as error:
        rich_format_error(cast(Any, error))  # typed as what Typer keeps to itself
        _end(error.format_message(), error.exit_code, shown=True)
    except MinuetError as error:
        _end(str(error), 2 if isinstance(error, UsageError) else 1)
    except OSError as error:  # a disk that is full, a file that is another's
        file = f"{error.filename}: " if error.filename else ""
        _end(f"{file}{error.strerror or error}", 1)
    except (KeyboardInterrupt, _Interrupted, typer.Abort):
        _end("interrupted", EXIT_INTERRUPTED)
    sys.exit(code)


def _end(message: str, code: int, *, shown: bool = False) -> NoReturn:
    """Say why it ended: in words, and with `--json` as a document in place of the result."""
    if not shown:
        sys.stderr.write(f"minuet: {message}\n")
    if "--json" in sys.argv:
        with suppress(OSError):
            sys.stdout.write(json.dumps({"error": message, "exit": code}) + "\n")
    sys.exit(code)


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
