"""What each setting comes to, and who said so: a file, the environment, or the command line.

The later wins: defaults, then `[tool.minuet]` in pyproject.toml, then `MINUET_…` variables, then
options.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from minuet.errors import UsageError
from minuet.settings import environment, file, kafka
from minuet.settings.environment import Path_
from minuet.settings.lint import Lint
from minuet.settings.model import TABLES, Settings, is_secret
from minuet.settings.registry import Registry
from minuet.settings.worker import Options

DEFAULT = "default"
_NEAR = 0.76  # MINUET_PORT, which Kubernetes sets beside a service `minuet`, is none of ours
_NOT_SETTINGS = ("workflows",)  # of `[tool.minuet]`: read where workflows are found


@dataclass(frozen=True)
class Stranger:
    """A key or a variable that nobody reads.

    Args:
        name: as it is written.
        origin: where that is.
        nearest: the right name that looks most like it; empty when none does.
        in_file: whether it stands in the project's file, where it must be mended.
    """

    name: str
    origin: str
    nearest: str
    in_file: bool

    def __str__(self) -> str:
        where = f"{self.origin}: " if self.in_file else ""
        if self.name in TABLES:
            return f"{where}{self.name} is a table: write [tool.minuet.{self.name}]"
        hint = f"; did you mean {self.nearest}?" if self.nearest else ""
        return f"{where}there is no setting {self.name}{hint}"


@dataclass(frozen=True)
class Found:
    """The settings, where each that is no default was said, and what nobody reads."""

    settings: Settings
    origins: Mapping[Path_, str]
    strangers: tuple[Stranger, ...]

    def known(self) -> Found:
        """Itself, once it is sure that every key of the file is known.

        Raises:
            UsageError: names the first that is not.
        """
        for stranger in self.strangers:
            if stranger.in_file:
                raise UsageError(str(stranger))
        return self

    def misspelt(self) -> list[Stranger]:
        """Variables that nobody reads and that look much like one that is read."""
        return [each for each in self.strangers if not each.in_file and each.nearest]


_Said = dict[Path_, tuple[Any, str]]


def read(
    folder: Path | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    bootstrap: str = "",
) -> Found:
    """Read the settings of the project in `folder`, or those of the environment alone.

    Args:
        folder: that of the project; without one no file is read.
        environ: variables; else those of this process.
        bootstrap: as `--bootstrap` says.

    Raises:
        UsageError: a setting is wrong; names where it stands.
    """
    said: _Said = {}
    if folder is not None:
        said |= _of_file(folder)
    said |= _of_environment(os.environ if environ is None else environ)
    if bootstrap:
        said["bootstrap",] = (bootstrap, "--bootstrap")
    strangers = tuple(_strangers(said))
    known = {path: value for path, value in said.items() if _is_known(path)}
    for (first, *rest), (_, origin) in known.items():
        if first == "kafka" and (why := kafka.refusal(rest[0])):
            message = f"{origin}: {why}"
            raise UsageError(message)
    return Found(_validated(known), {p: origin for p, (_, origin) in known.items()}, strangers)


def settable() -> list[Path_]:
    """Every setting but librdkafka's, which are its own."""
    names = [name for name in Settings.model_fields if name not in TABLES]
    kinds = (("worker", Options), ("registry", Registry), ("lint", Lint))
    rows = [(table, each.name) for table, kind in kinds for each in fields(kind)]
    return [*((name,) for name in names), *rows]


def _of_file(folder: Path) -> _Said:
    written = {k: v for k, v in file.table(folder).items() if k not in _NOT_SETTINGS}
    said: _Said = {}
    for path, value in _flat(written):
        origin = f"{file.FILE}:{file.line_of(folder, path)}"
        if path[0] != "kafka" or len(path) == 1:
            _refuse_secret(path, is_secret(path), origin)
            said[path] = (value, origin)
            continue
        name = kafka.one_name(".".join(path[1:]))
        _refuse_secret(("kafka", name), kafka.is_secret(name), origin)
        said["kafka", name] = (_as_kafka_writes(value), origin)
    return said


def _refuse_secret(path: Path_, secret: bool, origin: str) -> None:
    if secret:
        message = (
            f"{origin}: {path[-1]} is a secret, and this file is one that is committed: put it "
            f"into a file of its own and name that in {environment.variable_of(path)}_FILE"
        )
        raise UsageError(message)


def _of_environment(environ: Mapping[str, str]) -> _Said:
    found = environment.variables(environ)
    origins = {environment.path_of(name): origin for name, (origin, _) in found.items()}
    said: _Said = {path: (None, origin) for path, origin in origins.items() if not _is_known(path)}
    for path, value in _flat(environment.values(found)):
        if path[0] == "kafka" and len(path) > 1:
            path = ("kafka", kafka.of_variable(".".join(path[1:])))
        origin = origins.get(path) or origins.get(path[:1], "")
        said[path] = (_as_kafka_writes(value) if path[0] == "kafka" else value, origin)
    return said


def _flat(table: Mapping[str, Any], above: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, (*above, name))
        else:
            yield (*above, name), value


def _as_kafka_writes(value: Any) -> Any:
    """A value of TOML as librdkafka wants it, in letters."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


def _is_known(path: Path_) -> bool:
    return path in settable() or (path[0] == "kafka" and len(path) == 2)


def _strangers(said: _Said) -> Iterator[Stranger]:
    names = {".".join(path): path for path in settable()} | {"kafka": ("kafka",)}
    variables = {environment.variable_of(path): path for path in names.values()}
    for path, (_, origin) in said.items():
        if _is_known(path):
            continue
        in_file = not origin.startswith(environment.PREFIX)
        name = ".".join(path) if in_file else origin
        near = get_close_matches(name, names if in_file else variables, 1, _NEAR)
        yield Stranger(name, origin, near[0] if near else "", in_file)


def _validated(said: _Said) -> Settings:
    tables: dict[str, Any] = {}
    for (first, *rest), (value, _) in said.items():
        if rest:
            tables.setdefault(first, {})[rest[0]] = value
        else:
            tables[first] = value
    try:
        return Settings.model_validate(tables)
    except ValidationError as wrong:
        first_wrong = wrong.errors(include_url=False, include_input=False)[0]
        path = tuple(str(part) for part in first_wrong["loc"])
        origin, name = said[path][1], ".".join(path)
        why = first_wrong["msg"].removeprefix("Value error, ")
        why = why[:1].lower() + why[1:]
        message = f"{origin}: {name}: {why}"
        raise UsageError(message) from wrong
