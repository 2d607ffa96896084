"""The options that say which dead letters are meant: the same for every command about them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from minuet.cli.arguments import offer_sagas, offer_steps
from minuet.cli.common import connection, index_of
from minuet.cli.plain import plain
from minuet.contracts.codec import Codec
from minuet.core.plan import compile_plan
from minuet.errors import BrokerError, ContractError, MinuetError, UnreadableValue, UsageError
from minuet.index import Index
from minuet.inspection.history import read
from minuet.inspection.letters import CATEGORIES as LETTER_CATEGORIES
from minuet.inspection.letters import Letter, Wanted, each
from minuet.kafka.registries import registry_of
from minuet.kafka.spans import moment
from minuet.redrive.choosing import Desk
from minuet.spec import project as projects
from minuet.spec.assemble import Workflow
from minuet.spec.model import Spec
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
FromOption = Annotated[
    str, typer.Option("--from", help="Not older: 2h, or a moment.", metavar="WHEN")
]
ToOption = Annotated[
    str, typer.Option("--to", help="Older than that: 2h, or a moment.", metavar="WHEN")
]
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
    begin: str = ""
    end: str = ""
    header: list[str] | None = None
    where: str = ""

    def said(self) -> dict[str, object]:
        """What was typed of it."""
        options = {"begin": "from", "end": "to"}
        return {options.get(name, name): value for name, value in vars(self).items() if value}


@dataclass(frozen=True)
class Asked:
    """Letters are asked for: of which workflow, which ones, and what is needed to look at them.

    Attributes:
        unread: of the letters that `--where` could not be asked of: how many for each reason.
    """

    loaded: Workflow
    desk: Desk
    wanted: Wanted
    index: Index | None = None
    unread: dict[str, int] = field(default_factory=dict)

    def check_saga(self, found: int = 0) -> None:
        """Where nothing was found of a saga that was named: say so, or that there is no such saga.

        Raises:
            UsageError: the workflow has no such saga, and no dead letter of it.
        """
        saga, desk = self.wanted.saga, self.desk
        if found or not saga:
            return
        of_it = each(desk.connection, desk.plan.spec, Wanted(saga=saga), lambda _done, _all: None)
        if next(of_it, None) is not None:
            return
        try:
            read(desk.connection, desk.plan, saga, index=self.index)
        except (BrokerError, UsageError):
            raise
        except MinuetError as unknown:
            message = f"--saga: {unknown}, and no dead letter is of it"
            raise UsageError(message) from unknown
        typer.echo(f"minuet: no dead letter is of saga {plain(saga)}", err=True)

    def unread_lines(self) -> Iterator[str]:
        """The same for people."""
        for why, count in self.unread.items():
            yield f"left out: {count:,}, since --where cannot be asked: {plain(why)}"

    def unread_plain(self) -> list[dict[str, object]]:
        """The same as plain data."""
        return [{"why": why, "letters": count} for why, count in self.unread.items()]


def asked(
    workflow: str, filters: Filters, bootstrap: str, project: Path | None, limit: int = 20
) -> Asked:
    """Read what was typed.

    Raises:
        UsageError: a filter is wrong.
    """
    loaded = projects.load(workflow, project)
    check_names(loaded.spec, filters)
    begin, end = moment(filters.begin, "--from"), moment(filters.end, "--to")
    if begin and end and begin.ms >= end.ms:
        message = f"--from {filters.begin} is not before --to {filters.end}: no letter is both"
        raise UsageError(message)
    headers = tuple(_header(text) for text in filters.header or ())
    wheres = Wheres(filters.where, loaded.models) if filters.where else None
    place = connection(bootstrap, project)
    codec = Codec(loaded.models.values(), registry_of(place, loaded.spec.schema_topic))
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
        filters.step, filters.category, filters.saga, begin.ms if begin else 0, limit,
        filters.exception, headers, end.ms if end else 0, holds if wheres else None,
    )  # fmt: skip
    return Asked(loaded, desk, wanted, index_of(project), unread)


def check_names(spec: Spec, filters: Filters) -> None:
    """Refuse a step that no version of the workflow has, and what is no category.

    Raises:
        UsageError: says which there are.
    """
    steps = [step.name for version in (spec, *spec.before) for step in version.steps]
    for option, typed, known in (
        ("--step", filters.step, list(dict.fromkeys(steps))),
        ("--category", filters.category, LETTER_CATEGORIES),
    ):
        if typed and typed not in known:
            message = f"{option} {typed}: {spec.name} has {', '.join(known)}"
            raise UsageError(message)


def _header(text: str) -> tuple[str, bytes]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        message = f"--header {text}: say NAME=VALUE, as tenant=blue"
        raise UsageError(message)
    return name, value.encode()
