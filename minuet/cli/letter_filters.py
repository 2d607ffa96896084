"""The options that say which dead letters are meant: the same for every command about them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from minuet.cli.arguments import offer_sagas, offer_steps
from minuet.cli.common import connection
from minuet.contracts.codec import Codec
from minuet.core.plan import compile_plan
from minuet.errors import ContractError, UnreadableValue, UsageError
from minuet.inspection.letters import Letter, Wanted
from minuet.kafka.registry import TopicRegistry
from minuet.kafka.spans import moment
from minuet.redrive.choosing import Desk
from minuet.spec import project as projects
from minuet.spec.assemble import Workflow
from minuet.where import Wheres

StepOption = Annotated[
    str, typer.Option("--step", help="Only of this step.", autocompletion=offer_steps)
]
CategoryOption = Annotated[str, typer.Option("--category", help="Only of this category.")]
SagaOption = Annotated[
    str, typer.Option("--saga", help="Only of this saga.", autocompletion=offer_sagas)
]
ExceptionOption = Annotated[
    str, typer.Option("--exception", metavar="TEXT", help="Only with this in the error's text.")
]
SinceOption = Annotated[str, typer.Option("--since", help="Not older: 2h, or a moment.")]
UntilOption = Annotated[str, typer.Option("--until", help="Older than that: 2h, or a moment.")]
HeaderOption = Annotated[
    list[str] | None,
    typer.Option("--header", metavar="NAME=VALUE", help="Only with this header; may be repeated."),
]
WhereOption = Annotated[
    str, typer.Option("--where", metavar="CEL", help="Only where this holds for its event.")
]


@dataclass(frozen=True)
class Filters:
    """What was typed."""

    step: str = ""
    category: str = ""
    saga: str = ""
    exception: str = ""
    since: str = ""
    until: str = ""
    header: list[str] | None = None
    where: str = ""

    def said(self) -> dict[str, object]:
        """What was typed of it."""
        return {name: value for name, value in vars(self).items() if value}


@dataclass(frozen=True)
class Asked:
    """Letters are asked for: of which workflow, which ones, and what is needed to look at them.

    Attributes:
        unread: of the letters that `--where` could not be asked of: how many for each reason.
    """

    loaded: Workflow
    desk: Desk
    wanted: Wanted
    unread: dict[str, int] = field(default_factory=dict)


def asked(
    workflow: str, filters: Filters, bootstrap: str, project: Path | None, limit: int = 20
) -> Asked:
    """Read what was typed.

    Raises:
        UsageError: a filter is wrong.
    """
    loaded = projects.load(workflow, project)
    since, until = moment(filters.since, "--since"), moment(filters.until, "--until")
    headers = tuple(_header(text) for text in filters.header or ())
    wheres = Wheres(filters.where, loaded.models) if filters.where else None
    place = connection(bootstrap, project)
    codec = Codec(loaded.models.values(), TopicRegistry(place))
    desk = Desk(place, compile_plan(loaded.spec), codec, int(time.time() * 1000))
    unread: dict[str, int] = {}

    def holds(letter: Letter) -> bool:
        if wheres is None or letter.type not in wheres.types:
            return False
        try:
            return wheres.holds(letter.type, codec.decode(letter.type, letter.schema, letter.value))
        except UnreadableValue:
            why = "its value cannot be read"
        except ContractError as error:
            why = str(error)
        unread[why] = unread.get(why, 0) + 1
        return False

    wanted = Wanted(
        filters.step, filters.category, filters.saga, since.ms if since else 0, limit,
        filters.exception, headers, until.ms if until else 0, holds if wheres else None,
    )  # fmt: skip
    return Asked(loaded, desk, wanted, unread)


def _header(text: str) -> tuple[str, bytes]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        message = f"--header {text}: say NAME=VALUE, as tenant=blue"
        raise UsageError(message)
    return name, value.encode()
