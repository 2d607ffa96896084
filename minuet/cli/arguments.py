"""The arguments that many commands take, and what a shell offers for them on Tab.

Whatever is wrong, a shell gets no offers, and never a message in the middle of a line.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stdout
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from minuet.cli.outside import from_outside
from minuet.signature import COORDINATOR
from minuet.spec import project as projects

if TYPE_CHECKING:
    from minuet.spec.assemble import Workflow

_SAGAS_MOST = 50
_ROWS_MOST = 20_000  # of the table, read for one Tab


class GuaranteeName(StrEnum):
    """What may be typed behind --guarantee."""

    AT_LEAST_ONCE = "at-least-once"
    TRANSACTIONAL = "transactional"


Offers = Callable[[typer.Context, str], list[str]]


def offering(find: Callable[[typer.Context], Iterable[str]]) -> Offers:
    """What Tab offers: those found that begin as the word does; none when finding them fails."""

    def complete(ctx: typer.Context, incomplete: str) -> list[str]:
        try:
            with Path(os.devnull).open("w") as nothing, redirect_stdout(nothing):
                begun = (name for name in find(ctx) if name.startswith(incomplete))
                return list(islice(begun, _SAGAS_MOST))
        except Exception:  # the project's own modules may raise anything
            return []

    return complete


def _loaded(ctx: typer.Context) -> Workflow:
    return projects.load(_workflow(ctx), ctx.params.get("project"))


def _workflow(ctx: typer.Context) -> str:
    """What was typed; while an option still lacks its value, arguments are not sorted yet."""
    return ctx.params.get("workflow") or ctx.args[0]


def _workflows(ctx: typer.Context) -> list[str]:
    return projects.names(ctx.params.get("project"))


def _steps(ctx: typer.Context) -> list[str]:
    return sorted(_loaded(ctx).steps)


def _units(ctx: typer.Context) -> list[str]:
    return [*_steps(ctx), COORDINATOR]


def _events(ctx: typer.Context) -> list[str]:
    return sorted(_loaded(ctx).models)


def _said(ctx: typer.Context) -> list[str]:
    """The events of the step that was typed; of `-` those from outside."""
    loaded, step = _loaded(ctx), ctx.params.get("step") or "-"
    if step in loaded.steps:
        return list(loaded.steps[step].spec.says)
    return sorted(from_outside(loaded))


def _outside(ctx: typer.Context) -> list[str]:
    return sorted(from_outside(_loaded(ctx)))


def _sagas(ctx: typer.Context) -> Iterator[str]:
    """The first ids of the table, on the project's own broker: no other is asked for a Tab."""
    from minuet import dev
    from minuet.cli.common import project_folder
    from minuet.kafka.connection import Connection
    from minuet.kafka.reading import snapshot
    from minuet.settings.names import Names
    from minuet.settings.prefix import prefix_of

    address = dev.running(project_folder(ctx.params.get("project")))
    if not address:
        return
    prefix = prefix_of(project_folder(ctx.params.get("project")))
    table = Names(_workflow(ctx), prefix).table_topic
    seen: set[str] = set()
    for message in islice(snapshot(Connection(address), table), _ROWS_MOST):
        key = (message.key() or b"").decode(errors="replace")
        if key not in seen:
            seen.add(key)
            yield key


offer_workflows = offering(_workflows)
offer_steps = offering(_steps)
offer_units = offering(_units)
offer_events = offering(_events)
offer_said = offering(_said)
offer_outside = offering(_outside)
offer_sagas = offering(_sagas)

_BY_PYPROJECT = "As pyproject.toml names it."

WorkflowArgument = Annotated[
    str, typer.Argument(help=_BY_PYPROJECT, autocompletion=offer_workflows)
]
BeginEventsOption = Annotated[
    Path | None,
    typer.Option("--file", help="Begin events as JSON lines; else examples/WORKFLOW.jsonl."),
]
SagaArgument = Annotated[
    str, typer.Argument(help="Its id: the key of its events.", autocompletion=offer_sagas)
]
