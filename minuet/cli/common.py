"""What the commands share: options, the project's folder, its settings, which broker is meant.

The broker is the first of: `--bootstrap`, `MINUET_BOOTSTRAP_SERVERS`, `[tool.minuet] bootstrap`,
the project's running `minuet dev` broker.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from minuet.errors import UsageError
from minuet.settings.file import folder_of
from minuet.settings.kafka import is_security
from minuet.settings.reading import Found, read

if TYPE_CHECKING:
    from minuet.index import Index
    from minuet.kafka.connection import Connection

BootstrapOption = Annotated[
    str,
    typer.Option("--bootstrap", metavar="HOST:PORT", help="The broker; else the project's own."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
ProjectOption = Annotated[
    Path | None,
    typer.Option("--project", metavar="FOLDER", help="The folder that holds pyproject.toml."),
]

NoIndexOption = Annotated[
    bool,
    typer.Option("--no-index", help="Read the log itself, not .minuet/index, to find the saga."),
]


def connection(bootstrap: str = "", project: Path | None = None) -> Connection:
    """A connection to the broker that is meant, with the login that is set for it.

    The project's own broker wants no login: what is set for another one is not tried on it.
    """
    from minuet import dev
    from minuet.kafka.connection import Connection, wrong_option

    folder = project_folder(project)
    found = configured(folder, bootstrap)
    address = _address(found, folder)
    options = found.settings.kafka
    if address == dev.running(folder):
        options = {name: text for name, text in options.items() if not is_security(name)}
    if wrong := wrong_option(options):
        origin = found.origins.get(("kafka", wrong.name), "")
        raise UsageError(f"{origin}: {wrong.why}" if origin else wrong.why)
    return Connection(address, options, found.settings.registry)


def bootstrap_servers(bootstrap: str = "", project: Path | None = None) -> str:
    """The address of the broker that is meant; see the module's docstring for the order."""
    folder = project_folder(project)
    return _address(configured(folder, bootstrap), folder)


def configured(folder: Path, bootstrap: str = "") -> Found:
    """The settings of the project in `folder`; a variable that looks misspelt is pointed out.

    Raises:
        UsageError: a setting is wrong, or a key in the file is none.
    """
    found = read(folder, bootstrap=bootstrap).known()
    for stranger in found.misspelt():
        sys.stderr.write(f"minuet: warning: {stranger}\n")
    return found


def _address(found: Found, folder: Path) -> str:
    from minuet import dev

    address = found.settings.bootstrap or dev.running(folder)
    if not address:
        message = (
            "no broker: start one with `minuet dev up`, or name one with --bootstrap HOST:PORT, "
            "MINUET_BOOTSTRAP_SERVERS or [tool.minuet] bootstrap in pyproject.toml"
        )
        raise UsageError(message)
    return address


def project_folder(project: Path | None = None) -> Path:
    """The project's folder: the one given, else the nearest with a pyproject.toml, else this."""
    return folder_of(project)


def index_of(project: Path | None = None, *, without: bool = False) -> Index | None:
    """The index of the project's logs, which finds the records of a saga."""
    from minuet.index import Index

    return None if without else Index(project_folder(project) / ".minuet" / "index")


def print_json(value: object) -> None:
    """Print a value as one JSON document on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")
    sys.stdout.flush()  # now, while a full disk, or a reader that is gone, can still be answered
