"""`minuet publish`: a file, or standard input, of events onto a workflow's log."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import Annotated, Any

import typer

from minuet.cli.arguments import WorkflowArgument, offer_outside
from minuet.cli.common import (
    BootstrapOption,
    JsonOption,
    ProjectOption,
    connection,
    print_json,
)
from minuet.cli.inputs import Input, Wish, from_file, from_topic
from minuet.cli.outside import publishable
from minuet.cli.progress import progress
from minuet.cli.published import result, say
from minuet.contracts.codec import Codec
from minuet.contracts.registry import LocalRegistry
from minuet.errors import UsageError
from minuet.event.model import Event
from minuet.kafka import topics
from minuet.kafka.identity import topic_id
from minuet.kafka.registries import registry_of
from minuet.kafka.writer import Writer
from minuet.publish import batch as batches
from minuet.publish.batch import Batch, Terms
from minuet.publish.envelope import Envelope
from minuet.publish.rejects import Rejects
from minuet.spec import project as projects
from minuet.spec.assemble import Workflow
from minuet.where import Where

_HELP = """Publish events from JSON lines or CSV; each line is validated, good ones go through.

A line that breaks the event's contract is rejected: named with its number and the reason, and \
kept in --rejects FILE. An id already used with the same content is a duplicate, with other \
content a conflict. Accepted, duplicate, conflict and rejected add up to the lines read. \
Doing it again is safe: the log takes the same event twice for once.

After Ctrl-C, a kill or a lost broker the same command goes on where it stopped, if the input is \
a file that still begins with the same lines. A topic is read to where it ends now, each record \
under an id of its own; the next run goes on there.

Exit 1 when a line was rejected, in conflict or not acknowledged; 130 after Ctrl-C and 143 after \
SIGTERM, which both still wait for what was sent.

Example: minuet publish orders OrderPlaced --file orders.jsonl --rejects bad.jsonl

Example: minuet publish orders OrderPlaced --topic legacy.orders --map order_id=id,total=amount \
--schema legacy-orders.avsc

Example: minuet publish orders OrderPlaced --file all.jsonl --where 'country == "DE"' --rate 500
"""
_INTERRUPTED = "interrupted"
_EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("publish", help=_HELP)(publish)


def publish(  # noqa: PLR0913  (Typer wants a parameter for each option)
    workflow: WorkflowArgument,
    event: Annotated[
        str, typer.Argument(help="An event that comes from outside.", autocompletion=offer_outside)
    ],
    file: Annotated[
        Path, typer.Option("--file", "-f", help="Input; - is standard input.", metavar="FILE")
    ] = Path("-"),
    format: Annotated[
        str, typer.Option("--format", help="json or csv; else by the file's name.")
    ] = "",
    topic: Annotated[
        str, typer.Option("--topic", help="Input: Avro records of another system.", metavar="TOPIC")
    ] = "",
    map: Annotated[
        str, typer.Option("--map", help="Fields of the records.", metavar="FIELD=THEIRS,...")
    ] = "",
    schema: Annotated[
        list[str] | None,
        typer.Option("--schema", help="Their schema; more, each by its id.", metavar="[ID=]FILE"),
    ] = None,
    registry: Annotated[
        str, typer.Option("--registry", help="Where their schemas are.", metavar="URL")
    ] = "",
    rejects: Annotated[
        Path | None, typer.Option("--rejects", help="Keep bad lines there.", metavar="FILE")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Compare with what stands on the log.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Validate; publish nothing.")] = False,
    id_field: Annotated[
        str, typer.Option("--id-field", help="The field that is the upstream id.", metavar="FIELD")
    ] = "",
    where: Annotated[
        str, typer.Option("--where", help="Only events that fulfil this; in CEL.", metavar="EXPR")
    ] = "",
    rate: Annotated[
        float, typer.Option("--rate", min=0, help="At most so many a second; 0: no limit.")
    ] = 0,
    from_start: Annotated[
        bool, typer.Option("--from-start", help="Do not go on where an earlier run stopped.")
    ] = False,
    bootstrap: BootstrapOption = "",
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Publish the lines and print what became of them."""
    wish = Wish(
        workflow, event, file, format, topic, map, tuple(schema or ()), registry, rejects, check,
        dry_run, id_field, where, rate, from_start, bootstrap, project,
    )  # fmt: skip
    loaded = projects.load(workflow, project)
    model = _model(loaded, wish)
    terms = Terms(id_field=id_field, where=Where(where, model) if where else None, rate=rate)
    with ExitStack() as stack:
        kept = Rejects(_rejects_file(wish, stack))
        if topic:
            source = from_topic(wish, model, connection(bootstrap, project), loaded.spec.prefix)
        else:
            source = from_file(wish, model, stack)
        batch, terms = _batch(wish, loaded, model, kept, (terms, source))
        ended = stack.enter_context(_interrupts(batch))
        show = stack.enter_context(progress(source.stream, quiet=json))
        began = monotonic()
        batch.run(source.rows, show)
    found = result(batch, terms.journal, monotonic() - began)
    if json:
        head = {"workflow": workflow, "event": event, "dry_run": dry_run}
        print_json({**head, **found})
    else:
        resumable = terms.journal is not None
        say(found, source.noun, dry_run=dry_run, kept=rejects is not None, resumable=resumable)
    code = ended.get("code") or (0 if batch.tally.clean and not batch.stopped else 1)
    raise typer.Exit(code)


def _batch(
    wish: Wish,
    workflow: Workflow,
    model: type[Event],
    rejects: Rejects,
    more: tuple[Terms, Input],
) -> tuple[Batch, Terms]:
    terms, source = more
    spec = workflow.spec
    if wish.dry_run and not wish.check:
        codec = Codec([model], LocalRegistry())
        return Batch(Envelope(spec.name, spec.key, [model], codec), None, rejects, terms), terms
    kafka = connection(wish.bootstrap, wish.project)
    topics.check(kafka, spec)
    writer = None if wish.dry_run else Writer(kafka, spec.log_topic, **batches.SETTINGS)
    codec = Codec(
        [model], LocalRegistry() if wish.dry_run else registry_of(kafka, spec.schema_topic)
    )
    codec.register()
    envelope = Envelope(spec.name, spec.key, [model], codec)
    if wish.check:
        terms = replace(terms, on_log=batches.on_log(kafka, spec.log_topic, wish.event))
    elif wish.resumable:
        terms = replace(terms, journal=source.marks(topic_id(kafka, spec.log_topic)))
    return Batch(envelope, writer, rejects, terms), terms


def _model(workflow: Workflow, wish: Wish) -> type[Event]:
    """The event's class; only what comes from outside may be published."""
    model = publishable(workflow, wish.event)
    if wish.id_field and wish.id_field not in model.model_fields:
        known = ", ".join(model.model_fields)
        message = f"--id-field {wish.id_field}: {wish.event} has no such field; it has: {known}"
        raise UsageError(message)
    return model


def _rejects_file(wish: Wish, stack: ExitStack) -> Any:
    if wish.rejects is None:
        return None
    if wish.rejects.exists() and wish.file.exists() and wish.rejects.samefile(wish.file):
        message = f"--rejects {wish.rejects} is the input itself: name another file"
        raise UsageError(message)
    try:
        return stack.enter_context(wish.rejects.open("w", encoding="utf-8"))
    except OSError as error:
        message = f"--rejects {wish.rejects}: {error.strerror}"
        raise UsageError(message) from error


@contextmanager
def _interrupts(batch: Batch) -> Iterator[dict[str, int]]:
    """Ctrl-C and SIGTERM end the reading, not the flush; a second one ends that too."""
    ended: dict[str, int] = {}

    def stop(number: int, _: FrameType | None) -> None:
        ended["code"] = _EXIT_INTERRUPTED if number == signal.SIGINT else EXIT_TERMINATED
        if batch.reading:
            raise KeyboardInterrupt
        batch.stop(_INTERRUPTED)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
