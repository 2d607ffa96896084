"""The command line: joins the commands, and turns errors into one clear message.

Each command module has `register(app)`; nothing else in the product imports from here. Only the
module of the command that was typed is imported, and for the list of commands none.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Any, NoReturn, cast

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from minuet.cli.prefix import with_prefix
from minuet.errors import MinuetError, UsageError

# Each command, whose module is named alike, and the line that the list of commands has for it.
COMMANDS = {
    "new": "Make a folder with a workflow of one step, its test, and what checks and runs it.",
    "publish": (
        "Publish events from JSON lines or CSV; each line is validated, good ones go through."
    ),
    "ingest": "Take events as CloudEvents over HTTP, until Ctrl-C or SIGTERM.",
    "import": "Put the events that a workflow imports onto its log, until Ctrl-C or SIGTERM.",
    "worker": "Run a workflow's steps and its coordinator, until Ctrl-C or SIGTERM.",
    "verify": "Read the log from its start, fold it, and compare every stored row with the fold.",
    "rebuild": "Drop a workflow's table and make it anew from the log, then verify it.",
    "replay": (
        "Replay a stretch of the log: into a file, another cluster, a shadow, or the log itself."
    ),
    "chaos": "Run a workflow on a real Kafka while workers and broker are killed, and audit it.",
    "simulate": "Run a workflow in virtual time, with faults drawn from a seed, many seeds over.",
    "whatif": (
        "Say what would have ended differently, had another version of the workflow been there."
    ),
    "lint": "Say what is wrong with a workflow, or with each of the project's, and what to do.",
    "diagram": "Draw a workflow: the happy path, the undo path, and who needs what.",
    "asyncapi": "Describe a workflow's topics and events as an AsyncAPI 3.0 document.",
    "compat": "Say whether this version of a workflow may be deployed over another one.",
    "bench": (
        "Measure Minuet on this machine: sagas a second, how long one takes, and at what cost."
    ),
    "demo": (
        "Run a thousand orders while services fail and a worker is killed, and verify it all."
    ),
    "dev": "The project's own broker: a real Kafka on this machine, with nothing to install.",
    "topics": "The topics of a workflow.",
    "acl": "The rights of a workflow's units.",
    "schemas": "The schemas of a workflow's events.",
    "spec": "What a workflow is, as plain data, and how two versions of it differ.",
    "saga": "Look at sagas, and act on one.",
    "incidents": "What waits for a person.",
    "dead-letters": "Records that could not be handled.",
    "operations": "What was done to many sagas at once.",
    "config": "The settings, and where they come from.",
}

HELP = "Kafka choreography: steps are typed functions, a saga is a table, the log decides."

EXIT_INTERRUPTED = 130
COMPLETING = "_MINUET_COMPLETE"  # set by the shell that asks for completions


class _Interrupted(Exception):
    """Ctrl-C that the command itself has no answer to; Typer would make a bare exit code of it."""


class _Group(TyperGroup):
    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise _Interrupted from None


def build(*names: str) -> typer.Typer:
    """The command line as one Typer app, with these commands alone or with all."""
    app = _without_commands()
    for name in names or COMMANDS:
        command = importlib.import_module(f"minuet.cli.{name.replace('-', '_')}")
        command.register(app)
    with_prefix(app)
    return app


def outline() -> typer.Typer:
    """The command line with what is said of each command, and without what it does."""
    app = _without_commands()
    for name, line in COMMANDS.items():
        app.command(name, help=line)(_nothing)
    return app


def meant(words: Sequence[str]) -> typer.Typer:
    """As much of the command line as these words need: imports take most of a short command."""
    if COMPLETING in os.environ:
        return build()
    if words and words[0] in COMMANDS:
        return build(words[0])
    if set(words) <= {"-h", "--help", "--version"}:
        return outline()
    return build()  # a word that is no command: the nearest one is told


def script() -> NoReturn:
    """What the `minuet` script calls: as `main`, and then the process is gone at once.

    Threads of Kafka's client, and of ours inside it, may still be at work, as while a broker does
    not answer. They crash when the interpreter, or the TLS library, is taken down beneath them.
    """
    try:
        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the end is short, and its code is known
    atexit._run_exitfuncs()  # of those who have something to put away
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # nobody reads it, or nothing more goes there
            code = code or 1
    os._exit(code)


def main() -> None:
    """Run what was typed; exit 1 is a failure, 2 a wrong command line, 130 Ctrl-C."""
    try:
        code = meant(sys.argv[1:])(standalone_mode=False)
    except TyperException as error:
        from typer.rich_utils import rich_format_error  # only now: it takes 0.2 s

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


def _without_commands() -> typer.Typer:
    app = typer.Typer(
        name="minuet",
        cls=_Group,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(help=HELP)(_minuet)
    return app


def _nothing() -> None:
    """Stands in an outline for what a command does."""


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
