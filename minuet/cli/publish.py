"""`minuet publish`: a file, or standard input, of events onto a workflow's log."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import Annotated, Any, BinaryIO, cast

import typer

from minuet.cli.common import BootstrapOption, JsonOption, ProjectOption, connection, print_json
from minuet.cli.progress import progress
from minuet.contracts.codec import Codec
from minuet.contracts.registry import LocalRegistry
from minuet.errors import UsageError
from minuet.event.model import Event
from minuet.kafka import topics
from minuet.kafka.registry import TopicRegistry
from minuet.kafka.writer import Writer
from minuet.publish import batch as batches
from minuet.publish.batch import Batch
from minuet.publish.envelope import Envelope
from minuet.publish.rejects import Rejects
from minuet.publish.source import Reader, read_csv, read_json_lines
from minuet.spec import project as projects
from minuet.spec.assemble import Workflow

_HELP = """Publish events from JSON lines or CSV; each line is validated, good ones go through.

A line that breaks the event's contract is rejected: named with its number and the reason, and \
kept in --rejects FILE. An id already used with the same content is a duplicate, with other \
content a conflict. Accepted, duplicate, conflict and rejected add up to the lines read. \
Doing it again is safe: the log takes the same event twice for once.

Exit 1 when a line was rejected, in conflict or not acknowledged; 130 after Ctrl-C, which still \
waits for what was sent.

Example: minuet publish orders OrderPlaced --file orders.jsonl --rejects bad.jsonl
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
    bootstrap: BootstrapOption = "",
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Publish the lines and print what became of them."""
    wish = _Wish(workflow, event, file, format, rejects, check, dry_run, id_field)
    loaded = projects.load(workflow, project)
    model = _model(loaded, wish)
    with ExitStack() as stack:
        stream = _open(wish, stack)
        kept = Rejects(_rejects_file(wish, stack))
        batch = _batch(wish, loaded, model, kept, (bootstrap, project))
        ended = stack.enter_context(_interrupts(batch))
        show = stack.enter_context(progress(stream, quiet=json))
        began = monotonic()
        batch.run(_reader(wish)(stream, model), show)
    result = _result(wish, batch, monotonic() - began)
    if json:
        print_json(result)
    else:
        _print(result, wish)
    code = ended.get("code") or (0 if batch.tally.clean and not batch.stopped else 1)
    raise typer.Exit(code)


def _batch(
    wish: _Wish,
    workflow: Workflow,
    model: type[Event],
    rejects: Rejects,
    place: tuple[str, Path | None],
) -> Batch:
    spec = workflow.spec
    if wish.dry_run and not wish.check:
        codec = Codec([model], LocalRegistry())
        envelope = Envelope(spec.name, spec.key, [model], codec)
        return Batch(envelope, None, rejects, id_field=wish.id_field)
    kafka = connection(*place)
    topics.check(kafka, spec)
    writer = None if wish.dry_run else Writer(kafka, spec.log_topic, **batches.SETTINGS)
    codec = Codec([model], LocalRegistry() if wish.dry_run else TopicRegistry(kafka))
    codec.register()
    envelope = Envelope(spec.name, spec.key, [model], codec)
    known = batches.on_log(kafka, spec.log_topic, wish.event) if wish.check else None
    return Batch(envelope, writer, rejects, on_log=known, id_field=wish.id_field)


def _model(workflow: Workflow, wish: _Wish) -> type[Event]:
    """The event's class; only what comes from outside may be published."""
    spec = workflow.spec
    inside = {name for step in spec.steps for name in step.says}
    inside |= {undo.request for undo in spec.undo} | {deadline.type for deadline in spec.deadlines}
    outside = [name for name in workflow.models if name not in inside]
    if wish.event not in outside:
        known = ", ".join(sorted(outside))
        if wish.event in inside:
            message = f"{wish.event} is said by the workflow itself; publish one of: {known}"
        else:
            message = f"{wish.workflow} has no event {wish.event}; publish one of: {known}"
        raise UsageError(message)
    model = workflow.models[wish.event]
    if wish.id_field and wish.id_field not in model.model_fields:
        message = f"--id-field {wish.id_field}: {wish.event} has no such field"
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


def _result(wish: _Wish, batch: Batch, seconds: float) -> dict[str, Any]:
    tally = batch.tally
    return {
        "workflow": wish.workflow,
        "event": wish.event,
        "dry_run": wish.dry_run,
        "lines": tally.lines,
        **asdict(tally),
        "stopped": batch.stopped,
        "seconds": round(seconds, 3),
        "lines_per_s": round(tally.lines / seconds) if seconds else 0,
        "problems": [one._asdict() for one in batch.rejects.shown],
    }


def _print(result: dict[str, Any], wish: _Wish) -> None:
    for one in result["problems"]:
        typer.echo(f"line {one['line']}: {one['reason']}", err=True)
    bad = result["rejected"] + result["conflict"] + result["failed"]
    if bad > len(result["problems"]):
        rest = bad - len(result["problems"])
        hint = "" if wish.rejects else "; --rejects FILE keeps them all"
        typer.echo(f"and {rest} more{hint}", err=True)
    if result["stopped"]:
        typer.echo(f"stopped after {result['lines']} lines: {result['stopped']}", err=True)
        typer.echo("run it again: what is on the log already changes nothing", err=True)
    published = "accepted (dry run)" if wish.dry_run else "published"
    count = result["accepted"] if wish.dry_run else result["published"]
    parts = [f"{count} {published}"]
    parts += [f"{result[name]} {name}" for name in ("duplicate", "conflict", "rejected")]
    if result["failed"]:
        parts.append(f"{result['failed']} not acknowledged")
    speed = f"{result['seconds']:.1f} s, {result['lines_per_s']} lines/s"
    typer.echo(f"{result['lines']} lines: {', '.join(parts)} ({speed})")
