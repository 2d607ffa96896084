"""`minuet publish`: a file, or standard input, of events onto a workflow's log."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import Annotated, Any, BinaryIO, cast

import typer

from minuet.cli.common import (
    BootstrapOption,
    JsonOption,
    ProjectOption,
    connection,
    print_json,
    project_folder,
)
from minuet.cli.outside import publishable
from minuet.cli.progress import progress
from minuet.cli.published import result, say
from minuet.contracts.codec import Codec
from minuet.contracts.registry import LocalRegistry
from minuet.contracts.schema import avro_schema
from minuet.errors import UsageError
from minuet.event.model import Event
from minuet.kafka import topics
from minuet.kafka.identity import topic_id
from minuet.kafka.registry import TopicRegistry
from minuet.kafka.writer import Writer
from minuet.publish import batch as batches
from minuet.publish.batch import Batch, Terms
from minuet.publish.envelope import Envelope
from minuet.publish.rejects import Rejects
from minuet.publish.resume import Journal, place
from minuet.publish.source import Reader, read_csv, read_json_lines
from minuet.publish.where import Where
from minuet.spec import project as projects
from minuet.spec.assemble import Workflow

_HELP = """Publish events from JSON lines or CSV; each line is validated, good ones go through.

A line that breaks the event's contract is rejected: named with its number and the reason, and \
kept in --rejects FILE. An id already used with the same content is a duplicate, with other \
content a conflict. Accepted, duplicate, conflict and rejected add up to the lines read. \
Doing it again is safe: the log takes the same event twice for once.

After Ctrl-C, a kill or a lost broker the same command goes on where it stopped, if the input is \
a file that still begins with the same lines.

Exit 1 when a line was rejected, in conflict or not acknowledged; 130 after Ctrl-C, which still \
waits for what was sent.

Example: minuet publish orders OrderPlaced --file orders.jsonl --rejects bad.jsonl

Example: minuet publish orders OrderPlaced --file all.jsonl --where 'country == "DE"' --rate 500
"""
_INTERRUPTED = "interrupted"
_EXIT_INTERRUPTED = 130
_EXIT_TERMINATED = 143


@dataclass(frozen=True)
class _Wish:
    """What was typed."""

    workflow: str
    event: str
    file: Path
    format: str
    rejects: Path | None
    check: bool
    dry_run: bool
    id_field: str
    where: str
    rate: float
    from_start: bool
    bootstrap: str
    project: Path | None

    @property
    def resumable(self) -> bool:
        """Whether a second run can go on: with --check, the log itself says what is there."""
        return self.file.is_file() and not (self.check or self.dry_run)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("publish", help=_HELP)(publish)


def publish(  # noqa: PLR0913  (Typer wants a parameter for each option)
    workflow: Annotated[str, typer.Argument(help="As pyproject.toml names it.")],
    event: Annotated[str, typer.Argument(help="An event that comes from outside.")],
    file: Annotated[
        Path, typer.Option("--file", "-f", help="Input; - is standard input.", metavar="FILE")
    ] = Path("-"),
    format: Annotated[
        str, typer.Option("--format", help="json or csv; else by the file's name.")
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
    wish = _Wish(
        workflow, event, file, format, rejects, check, dry_run, id_field, where, rate, from_start,
        bootstrap, project,
    )  # fmt: skip
    loaded = projects.load(workflow, project)
    model = _model(loaded, wish)
    condition = Where(where, model) if where else None
    with ExitStack() as stack:
        stream = _open(wish, stack)
        kept = Rejects(_rejects_file(wish, stack))
        terms = Terms(id_field=id_field, where=condition, rate=rate)
        batch, journal = _batch(wish, loaded, model, kept, (terms, stream))
        ended = stack.enter_context(_interrupts(batch))
        show = stack.enter_context(progress(stream, quiet=json))
        began = monotonic()
        batch.run(_reader(wish)(stream, model), show)
    found = result(batch, journal, monotonic() - began)
    if json:
        head = {"workflow": workflow, "event": event, "dry_run": dry_run}
        print_json({**head, **found})
    else:
        say(found, dry_run=dry_run, kept=rejects is not None, resumable=journal is not None)
    code = ended.get("code") or (0 if batch.tally.clean and not batch.stopped else 1)
    raise typer.Exit(code)


def _batch(
    wish: _Wish,
    workflow: Workflow,
    model: type[Event],
    rejects: Rejects,
    more: tuple[Terms, BinaryIO],
) -> tuple[Batch, Journal | None]:
    terms, stream = more
    spec = workflow.spec
    if wish.dry_run and not wish.check:
        codec = Codec([model], LocalRegistry())
        return Batch(Envelope(spec.name, spec.key, [model], codec), None, rejects, terms), None
    kafka = connection(wish.bootstrap, wish.project)
    topics.check(kafka, spec)
    writer = None if wish.dry_run else Writer(kafka, spec.log_topic, **batches.SETTINGS)
    codec = Codec([model], LocalRegistry() if wish.dry_run else TopicRegistry(kafka))
    codec.register()
    envelope = Envelope(spec.name, spec.key, [model], codec)
    journal = None
    if wish.check:
        terms = replace(terms, on_log=batches.on_log(kafka, spec.log_topic, wish.event))
    elif wish.resumable:
        journal = _journal(wish, model, topic_id(kafka, spec.log_topic), stream)
        terms = replace(terms, journal=journal)
    return Batch(envelope, writer, rejects, terms), journal


def _journal(wish: _Wish, model: type[Event], topic: str, stream: BinaryIO) -> Journal:
    """What an earlier run left of the same input, sent to the same topic in the same way."""
    file = place(
        project_folder(wish.project) / ".minuet" / "publish",
        *(topic, wish.event, str(wish.file.resolve()), wish.format, wish.id_field, wish.where),
        avro_schema(model).fingerprint,
    )
    if wish.from_start:
        file.unlink(missing_ok=True)
    journal = Journal(file, stream)
    if journal.begun.line:
        typer.echo(f"resumed at line {journal.begun.line + 1}", err=True)
    elif journal.changed:
        text = f"{wish.file} has changed since it was published in part: from line 1 again"
        typer.echo(text, err=True)
    return journal


def _model(workflow: Workflow, wish: _Wish) -> type[Event]:
    """The event's class; only what comes from outside may be published."""
    model = publishable(workflow, wish.event)
    if wish.id_field and wish.id_field not in model.model_fields:
        known = ", ".join(model.model_fields)
        message = f"--id-field {wish.id_field}: {wish.event} has no such field; it has: {known}"
        raise UsageError(message)
    return model


def _reader(wish: _Wish) -> Reader:
    format = wish.format or ("csv" if wish.file.suffix.lower() == ".csv" else "json")
    readers: dict[str, Reader] = {"json": read_json_lines, "csv": read_csv}
    if format not in readers:
        message = f"--format {format}: say json or csv"
        raise UsageError(message)
    return readers[format]


def _open(wish: _Wish, stack: ExitStack) -> BinaryIO:
    if str(wish.file) == "-":
        return sys.stdin.buffer
    try:
        return cast(BinaryIO, stack.enter_context(wish.file.open("rb")))
    except OSError as error:
        message = f"--file {wish.file}: {error.strerror}"
        raise UsageError(message) from error


def _rejects_file(wish: _Wish, stack: ExitStack) -> Any:
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
        ended["code"] = _EXIT_INTERRUPTED if number == signal.SIGINT else _EXIT_TERMINATED
        if batch.reading:
            raise KeyboardInterrupt
        batch.stop(_INTERRUPTED)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
