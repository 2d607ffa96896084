"""Who acts, and why."""

from __future__ import annotations

import getpass
import sys
from typing import Annotated

import typer

from minuet.errors import UsageError
from minuet.event.person import Person

WhyOption = Annotated[str, typer.Option("--why", help="The reason; it stands in the log.")]
ByOption = Annotated[str, typer.Option("--by", help="Who decided; else the system's user.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask on a terminal.")]


def must_be_asked(*, yes: bool, quiet: bool, instead: str = "") -> None:
    """Refuse, before anything is done, where somebody has to agree and nobody can be asked.

    Args:
        yes: somebody has agreed.
        quiet: what is printed is for a program.
        instead: what else could be said than `--yes`.

    Raises:
        UsageError: there is no terminal.
    """
    if not yes and (quiet or not sys.stdin.isatty()):
        message = f"nobody can be asked here: say --yes{instead}"
        raise UsageError(message)


def person(by: str, why: str) -> Person:
    """Who acts, with a reason that must not be empty.

    Raises:
        UsageError: there is no reason, or no name.
    """
    if not why.strip():
        message = "--why is empty: say why, for whoever reads the log"
        raise UsageError(message)
    if not by:
        try:
            by = getpass.getuser()
        except (KeyError, OSError):
            message = "this system user has no name: say who decided, with --by NAME"
            raise UsageError(message) from None
    return Person(by, why)
