"""Which schema registry a test suite has: what `--registry` says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from minuet.dev import apicurio
from minuet.errors import UsageError
from minuet.settings.reading import read
from minuet.settings.registry import BUILT_IN, Registry

BUILT = "built-in"
APICURIO = "apicurio"

Place = Callable[[Path], AbstractContextManager[Registry]]
"""Starts a registry, whose log may stand in the folder; it is gone after the block."""


def place(where: str, project: Path) -> Place:
    """Return the registry that is meant; nothing is started, and what the environment says is read.

    Args:
        where: `built-in`, `apicurio`, or the URL of one with Confluent's interface.
        project: the folder whose settings say how to log in, if that is the registry they name.

    Raises:
        UsageError: that is none of these, or a setting is wrong.
    """
    if where == BUILT:
        return partial(_given, BUILT_IN)
    if where == APICURIO:
        return _apicurio
    if not where.startswith(("http://", "https://")):
        message = f"--registry {where}: write {BUILT}, {APICURIO} or http://HOST:PORT/PATH"
        raise UsageError(message)
    try:
        found = read(project).settings.registry.at(where)
    except ValueError as error:
        message = f"--registry {where}: {error}"
        raise UsageError(message) from None
    return partial(_given, replace(found, register=True))


@contextmanager
def _apicurio(folder: Path) -> Iterator[Registry]:
    with apicurio.running(folder) as url:
        yield Registry(url=url, register=True)


@contextmanager
def _given(registry: Registry, _: Path) -> Iterator[Registry]:
    yield registry
