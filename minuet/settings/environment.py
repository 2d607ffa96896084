"""Variables whose names begin with MINUET_, and the files that some of them name.

`MINUET_WORKER__IN_FLIGHT` is `worker.in_flight`, `MINUET_KAFKA__SASL_USERNAME` is Kafka's
`sasl.username`. With `_FILE` behind its name a variable holds the path of a file with the value:
so a password is neither in the environment nor on a command line.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic_settings import EnvSettingsSource

from minuet.errors import UsageError
from minuet.settings import kafka
from minuet.settings.model import TABLES, Settings

PREFIX = "MINUET_"
BOOTSTRAP = "MINUET_BOOTSTRAP_SERVERS"
READ_ELSEWHERE = frozenset({"MINUET_KAFKA_HOME"})  # by `minuet dev`, before there is a project
_FROM_FILE = "_FILE"
_BETWEEN = "__"

Path_ = tuple[str, ...]


def variables(environ: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Each variable of ours by the setting's own variable, with who said it and its value.

    Raises:
        UsageError: a file cannot be read, or a setting is given twice.
    """
    found: dict[str, tuple[str, str]] = {}
    for name, value in sorted(environ.items()):
        if not name.startswith(PREFIX) or name in READ_ELSEWHERE or not value:
            continue
        plain = name.removesuffix(_FROM_FILE)
        if plain in found:
            message = f"{plain} and {name} are both set: leave one of them out"
            raise UsageError(message)
        found[plain] = (name, value if plain == name else _content(name, value))
    return found


def _content(name: str, path: str) -> str:
    try:
        content = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        message = f"{name}={path}: the file cannot be read: {why}"
        raise UsageError(message) from error
    if not content:
        message = f"{name}={path}: the file is empty"
        raise UsageError(message)
    return content


def values(found: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    """What the variables say, in the tables of the settings.

    Raises:
        UsageError: a variable is a whole table.
    """
    for name, (origin, _) in found.items():
        if name in (f"{PREFIX}{table.upper()}" for table in TABLES):
            message = f"{origin}: give each key a variable of its own, as {name}{_BETWEEN}KEY"
            raise UsageError(message)
    source = EnvSettingsSource(Settings, env_prefix=PREFIX, env_nested_delimiter=_BETWEEN)
    source.env_vars = {
        ("minuet_bootstrap" if name == BOOTSTRAP else name.lower()): value
        for name, (_, value) in found.items()
        if name != f"{PREFIX}BOOTSTRAP"
    }
    return source()


def path_of(variable: str) -> Path_:
    """The setting that a variable means."""
    if variable == BOOTSTRAP:
        return ("bootstrap",)
    first, *rest = variable.removeprefix(PREFIX).lower().split(_BETWEEN)
    if first == "bootstrap":
        return (variable,)
    if first == "kafka" and rest:
        return ("kafka", kafka.of_variable("_".join(rest)))
    return (first, *rest)


def variable_of(path: Path_) -> str:
    """The variable that sets it."""
    if path == ("bootstrap",):
        return BOOTSTRAP
    return PREFIX + _BETWEEN.join(part.upper().replace(".", "_") for part in path)
