"""`--prefix`: every command that may name a broker may name the prefix of topics and groups too.

It is the variable of the environment, for this command and all that it starts: what makes names
has one place to ask.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Annotated, Any, get_type_hints

import typer

from minuet.errors import UsageError
from minuet.settings.names import refusal
from minuet.settings.prefix import VARIABLE

PrefixOption = Annotated[
    str | None,
    typer.Option("--prefix", metavar="PREFIX", help="Of all topics and groups; else as it is set."),
]
_BESIDE = "bootstrap"
_NAME = "prefix"


def with_prefix(app: typer.Typer) -> None:
    """Give each command of `app` that has `--bootstrap` the option `--prefix`, right behind it."""
    for command in app.registered_commands:
        if command.callback is not None:
            command.callback = _prefixed(command.callback)
    for group in app.registered_groups:
        if group.typer_instance is not None:
            with_prefix(group.typer_instance)


def _prefixed(function: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(function)
    if _BESIDE not in signature.parameters or _NAME in signature.parameters:
        return function

    @wraps(function)
    def command(*args: Any, prefix: str | None = None, **options: Any) -> Any:
        with _under(prefix):
            return function(*args, **options)

    hints = get_type_hints(function, include_extras=True)  # their names are of another module
    parameters: list[inspect.Parameter] = []
    for each in signature.parameters.values():
        parameters.append(each.replace(annotation=hints[each.name]))
        if each.name == _BESIDE:
            parameters.append(each.replace(name=_NAME, default=None, annotation=PrefixOption))
    command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {**hints, _NAME: PrefixOption}
    return command


@contextmanager
def _under(prefix: str | None) -> Iterator[None]:
    """Set the variable while the command runs; what is not typed leaves it as it is."""
    if prefix is None:
        yield
        return
    if not prefix or (why := refusal(prefix)):
        message = f"--prefix {prefix!r}: {why if prefix else 'to have none, leave it out'}"
        raise UsageError(message)
    of_file = f"{VARIABLE}_FILE"
    before = {name: os.environ.pop(name, None) for name in (VARIABLE, of_file)}
    os.environ[VARIABLE] = prefix
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
