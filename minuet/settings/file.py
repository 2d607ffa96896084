"""pyproject.toml: where it is, what `[tool.minuet]` says, and on which line."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from minuet.errors import UsageError

FILE = "pyproject.toml"
TABLE = ("tool", "minuet")


def folder_of(project: Path | None = None) -> Path:
    """The project's folder: the one given, else the nearest with a pyproject.toml, else this.

    Raises:
        UsageError: the one given is not there.
    """
    if project is not None:
        if not project.is_dir():
            message = f"--project {project}: there is no such folder"
            raise UsageError(message)
        return project.resolve()
    here = Path.cwd()
    return next((p for p in (here, *here.parents) if (p / FILE).is_file()), here)


def table(folder: Path) -> dict[str, Any]:
    """The table `[tool.minuet]` of the project; empty when there is none.

    Raises:
        UsageError: the file cannot be read, or has something else in that place.
    """
    file = folder / FILE
    if not file.is_file():
        return {}
    try:
        found: Any = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        message = f"{file} cannot be read: {error}"
        raise UsageError(message) from error
    for name in TABLE:
        found = found.get(name, {})
        if not isinstance(found, dict):
            message = f"{file}: {name} is not a table: write [{'.'.join(TABLE)}]"
            raise UsageError(message)
    table: dict[str, Any] = found
    return table


def line_of(folder: Path, path: Sequence[str]) -> int:
    """The line on which a key below `[tool.minuet]` is written, or the nearest key above it."""
    wanted = (*TABLE, *path)
    text = (folder / FILE).read_text(encoding="utf-8")
    best, line = 0, 1
    for number, written in _keys(text):
        if len(written) > best and wanted[: len(written)] == written:
            best, line = len(written), number
    return line


def _keys(text: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Each line that begins a table or a value, with its whole path."""
    above: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped.startswith("["):
            above = _path(stripped.strip("[]").partition("]")[0])
            yield number, above
        elif "=" in stripped and (key := _path(stripped.partition("=")[0])):
            yield number, (*above, *key)


def _path(key: str) -> tuple[str, ...]:
    """A dotted key as its parts, read as TOML does; empty when it is none."""
    try:
        found: Any = tomllib.loads(f"{key} = 0")
    except tomllib.TOMLDecodeError:
        return ()
    parts: list[str] = []
    while isinstance(found, dict) and found:  # a comment with a sign in it is no key
        ((name, found),) = found.items()
        parts.append(name)
    return tuple(parts)
