"""What the commands share: options, the project's folder, and which broker is meant.

The broker is the first of: `--bootstrap`, `MINUET_BOOTSTRAP_SERVERS`, `[tool.minuet] bootstrap`,
the project's running `minuet dev` broker.
"""

from __future__ import annotations

import json
import os
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from minuet.errors import UsageError

if TYPE_CHECKING:
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


def connection(bootstrap: str = "", project: Path | None = None) -> Connection:
    """A connection to the broker that is meant; see the module's docstring for the order."""
    from minuet.kafka.connection import Connection

    return Connection(bootstrap_servers(bootstrap, project))


def bootstrap_servers(bootstrap: str = "", project: Path | None = None) -> str:
    """The address of the broker that is meant."""
    from minuet import dev

    folder = project_folder(project)
    address = (
        bootstrap
        or os.environ.get("MINUET_BOOTSTRAP_SERVERS", "")
        or str(settings(folder).get("bootstrap", ""))
        or dev.running(folder)
    )
    if not address:
        message = (
            "no broker: start one with `minuet dev up`, or name one with --bootstrap HOST:PORT, "
            "MINUET_BOOTSTRAP_SERVERS or [tool.minuet] bootstrap in pyproject.toml"
        )
        raise UsageError(message)
    return address


def project_folder(project: Path | None = None) -> Path:
    """The project's folder: the one given, else the nearest with a pyproject.toml, else this."""
    if project is not None:
        if not project.is_dir():
            message = f"--project {project}: there is no such folder"
            raise UsageError(message)
        return project.resolve()
    here = Path.cwd()
    return next((p for p in (here, *here.parents) if (p / "pyproject.toml").is_file()), here)


def settings(folder: Path) -> dict[str, Any]:
    """The table `[tool.minuet]` of the project; empty when there is none."""
    file = folder / "pyproject.toml"
    if not file.is_file():
        return {}
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"{file}: {error}"
        raise UsageError(message) from error
    table: dict[str, Any] = found.get("tool", {}).get("minuet", {})
    return table


def print_json(value: object) -> None:
    """Print a value as one JSON document on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")
