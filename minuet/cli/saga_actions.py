"""`minuet saga resume|answer|skip|cancel|redo`: what a person does about a saga."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Annotated

import typer

from minuet.action.act import Desk, settled
from minuet.action.possible import decide
from minuet.action.wish import Answer, Cancel, Deed, Redo, Resume, Skip, Which, Wish
from minuet.cli.arguments import SagaArgument, WorkflowArgument, offer_said, offer_steps
from minuet.cli.common import (
    BootstrapOption,
    JsonOption,
    ProjectOption,
    connection,
    index_of,
    print_json,
)
from minuet.cli.outcomes import as_dict, lines
from minuet.cli.person import ByOption, WhyOption, YesOption
from minuet.cli.person import person as person_of
from minuet.cli.verify import progress_bar
from minuet.contracts.codec import Codec
from minuet.core.plan import compile_plan
from minuet.errors import ContractError, UsageError
from minuet.event.model import Event
from minuet.kafka.registries import registry_of
from minuet.publish.source import read_json_lines
from minuet.spec import project as projects
from minuet.spec.assemble import Workflow

_ENDS = """

Two operators who do the same at once make one action. Exit 0 when it holds, whoever did it; 1 \
when it is refused or something else was first; 2 when the command line is wrong, or more than one \
may be meant.

"""
_RESUME = f"""Let a step that gave up run again, under the same idempotency key; attempts count on.\
{_ENDS}Example: minuet saga resume orders order-0001 --why "the bank is back"
"""
_ANSWER = f"""Answer for a step that gave up, or give an unreadable event a readable value.

STEP is the step that says the event, or - for an event from outside. The content is checked \
against the event's model.\
{_ENDS}Example: minuet saga answer orders order-0001 charge_payment PaymentDeclined --data \
'{{"reason": "card expired"}}' --why "told by phone"
"""
_SKIP = f"""Do without an undo, or without the outcome of a step of a failing saga.

It also closes an incident about an event that cannot be undone.\
{_ENDS}Example: minuet saga skip orders order-0001 --of release_stock --why "put back by hand"
"""
_CANCEL = f"""Make a saga fail, so that what has happened is undone. Not after its pivot.\
{_ENDS}Example: minuet saga cancel orders order-0001 --why "ordered twice by mistake"
"""
_REDO = f"""Begin a new round of a compensated saga: every step runs anew, under new keys.\
{_ENDS}Example: minuet saga redo orders order-0001 --why "the goods are there now"
"""


@dataclass(frozen=True)
class _Order:
    """What every action is typed with."""

    workflow: str
    saga: str
    why: str
    by: str
    json: bool
    bootstrap: str
    project: Path | None
    ask: bool = False


def register(group: typer.Typer) -> None:
    """Add the commands to the group `saga`."""
    group.command("resume", help=_RESUME)(resume)
    group.command("answer", help=_ANSWER)(answer)
    group.command("skip", help=_SKIP)(skip)
    group.command("cancel", help=_CANCEL)(cancel)
    group.command("redo", help=_REDO)(redo)


def resume(  # noqa: PLR0913  (Typer wants a parameter for each option)
    workflow: WorkflowArgument,
    saga: SagaArgument,
    why: WhyOption,
    step: Annotated[
        str,
        typer.Option("--step", help="Which, if several are parked.", autocompletion=offer_steps),
    ] = "",
    by: ByOption = "",
    bootstrap: BootstrapOption = "",
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Let a parked step run again."""
    _carry_out(_Order(workflow, saga, why, by, json, bootstrap, project), Resume(step))


def answer(  # noqa: PLR0913  (Typer wants a parameter for each option)
    workflow: WorkflowArgument,
    saga: SagaArgument,
    step: Annotated[
        str, typer.Argument(help="The step, the slot's id, or -.", autocompletion=offer_steps)
    ],
    event: Annotated[
        str, typer.Argument(help="The type of event that it says.", autocompletion=offer_said)
    ],
    why: WhyOption,
    data: Annotated[str, typer.Option("--data", help="The event as JSON.", metavar="JSON")] = "",
    json_file: Annotated[
        Path | None,
        typer.Option(
            "--json-file", help="The same in a file; - is standard input.", metavar="FILE"
        ),
    ] = None,
    by: ByOption = "",
    yes: YesOption = False,
    bootstrap: BootstrapOption = "",
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Give an answer in a step's place."""
    order = _Order(workflow, saga, why, by, json, bootstrap, project, not yes)
    _carry_out(order, Answer(step, event), _text(data, json_file))


def skip(  # noqa: PLR0913  (Typer wants a parameter for each option)
    workflow: WorkflowArgument,
    saga: SagaArgument,
    why: WhyOption,
    of: Annotated[
        str,
        typer.Option("--of", help="The step or event that is skipped.", autocompletion=offer_steps),
    ] = "",
    by: ByOption = "",
    bootstrap: BootstrapOption = "",
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Do without an undo, or without a slot in doubt."""
    _carry_out(_Order(workflow, saga, why, by, json, bootstrap, project), Skip(of))


def cancel(  # noqa: PLR0913  (Typer wants a parameter for each option)
    workflow: WorkflowArgument,
    saga: SagaArgument,
    why: WhyOption,
    by: ByOption = "",
    yes: YesOption = False,
    bootstrap: BootstrapOption = "",
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Make the saga fail."""
    _carry_out(_Order(workflow, saga, why, by, json, bootstrap, project, not yes), Cancel())


def redo(  # noqa: PLR0913  (Typer wants a parameter for each option)
    workflow: WorkflowArgument,
    saga: SagaArgument,
    why: WhyOption,
    by: ByOption = "",
    yes: YesOption = False,
    bootstrap: BootstrapOption = "",
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Begin a new round."""
    _carry_out(_Order(workflow, saga, why, by, json, bootstrap, project, not yes), Redo())


def _carry_out(order: _Order, wish: Wish, text: bytes = b"") -> None:
    """Look, ask, act, and print what came of it."""
    person = person_of(order.by, order.why)
    loaded = projects.load(order.workflow, order.project)
    place = connection(order.bootstrap, order.project)
    codec = Codec(loaded.models.values(), registry_of(place, loaded.spec.schema_topic))
    event = None
    if isinstance(wish, Answer):
        event = _event(loaded, wish.event, text)
        wish = Answer(wish.step, wish.event, _digest(codec, event))
    desk = Desk(place, compile_plan(loaded.spec), codec, int(time.time() * 1000))
    with progress_bar("reading the log", quiet=order.json) as bar:
        view = desk.look(order.saga, bar, index_of(order.project))
    decision = decide(view, wish)
    if isinstance(decision, Deed):
        _ask(order, wish, decision)
        outcome = desk.act(view, wish, person, event)
    else:
        outcome = settled(view, decision)
    if isinstance(outcome, Which):
        raise UsageError(_which(order, wish, outcome))
    if order.json:
        print_json(as_dict(outcome, loaded))
    else:
        for line in lines(order.saga, outcome, loaded):
            typer.echo(line, err=not outcome.is_done)
    if not outcome.is_done:
        raise typer.Exit(1)


def _text(data: str, file: Path | None) -> bytes:
    if bool(data) == (file is not None):
        message = "say what the event holds: either --data JSON or --json-file FILE"
        raise UsageError(message)
    if file is None:
        return data.encode(errors="surrogateescape")
    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        message = f"--json-file {file}: {error.strerror}"
        raise UsageError(message) from error


def _event(loaded: Workflow, event_type: str, text: bytes) -> Event:
    """The event, checked against its model."""
    model = loaded.models.get(event_type)
    if model is None:
        message = f"{loaded.spec.name} has no event {event_type}: it has {', '.join(loaded.models)}"
        raise UsageError(message)
    line = b" ".join(text.splitlines())  # a line end within JSON is white space
    row = next(iter(read_json_lines(BytesIO(line), model)), None)
    if row is None or row.event is None:
        why = row.reason if row is not None else "it is empty"
        message = f"this is no {event_type}: {why}; its fields: {', '.join(model.model_fields)}"
        raise UsageError(message)
    return row.event


def _digest(codec: Codec, event: Event) -> str:
    try:
        return codec.encode(event).digest.decode()
    except ContractError as bad:
        raise UsageError(str(bad)) from bad


def _ask(order: _Order, wish: Wish, deed: Deed) -> None:
    """Ask once, where a person can answer; there is no way back from an event."""
    if order.ask and sys.stdin.isatty() and sys.stderr.isatty():
        what = type(wish).__name__.lower()
        if not typer.confirm(f"{what} {order.saga}: {deed.about}?", err=True):
            raise typer.Exit(1)


def _which(order: _Order, wish: Wish, which: Which) -> str:
    option = {Resume: "--step ", Skip: "--of "}.get(type(wish), "as STEP: ")
    lines = [f"{order.saga}: more than one may be meant; say which"]
    lines += [f"  {option}{each.name}  ({each.about})" for each in which.choices]
    return "\n".join(lines)
