"""What `minuet publish` reads: a file, standard input, or another system's topic."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, cast

import typer

from minuet.cli.common import configured, project_folder
from minuet.contracts.schema import avro_schema
from minuet.errors import UsageError
from minuet.event.model import Event
from minuet.kafka.connection import Connection
from minuet.publish.foreign import Find, Foreign, in_files, in_registry, mapping_of
from minuet.publish.resume import Journal, Marks, place
from minuet.publish.source import Reader, Row, read_csv, read_json_lines
from minuet.publish.topic import TopicInput


@dataclass(frozen=True)
class Wish:
    """What was typed."""

    workflow: str
    event: str
    file: Path
    format: str
    topic: str
    map: str
    schema: tuple[str, ...]
    registry: str
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
        return bool(self.topic or self.file.is_file()) and not (self.check or self.dry_run)


@dataclass(frozen=True)
class Input:
    """An input, open.

    Args:
        noun: what it is made of.
        rows: these.
        stream: the file; None for a topic.
        marks: how far it is done, given the id of the log's topic.
    """

    noun: str
    rows: Iterator[Row]
    stream: BinaryIO | None
    marks: Callable[[str], Marks]


def from_file(wish: Wish, model: type[Event], stack: ExitStack) -> Input:
    """The file, or standard input."""
    for name, value in (("--map", wish.map), ("--registry", wish.registry)):
        if value:
            message = f"{name} is for the records of a --topic"
            raise UsageError(message)
    read = _reader(wish)
    stream = _open(wish, stack)
    return Input(
        "line", read(stream, model), stream, lambda log: _journal(wish, model, log, stream)
    )


def from_topic(wish: Wish, model: type[Event], kafka: Connection, prefix: str) -> Input:
    """The topic of another system."""
    if str(wish.file) != "-" or wish.format:
        message = "say --topic, or --file and --format, not both"
        raise UsageError(message)
    mapping = mapping_of(wish.map, model)
    terms = ascii((wish.id_field, wish.where, sorted(mapping.items()))).encode()
    kind = blake2b(terms, digest_size=4).hexdigest()
    group = f"{prefix}minuet.publish.{wish.workflow}.{wish.event}.{wish.topic}.{kind}"
    found = TopicInput(kafka, wish.topic, group, Foreign(model, mapping, _find(wish)))
    start = found.start(from_start=wish.from_start or not wish.resumable)
    if found.skipped:
        text = f"{wish.topic} has lost {found.skipped} records before they were read"
        typer.echo(text, err=True)
    return Input("record", found.rows(start), None, lambda _: found)


def _find(wish: Wish) -> Find:
    settings = configured(project_folder(wish.project)).settings.registry
    if (wish.schema and wish.registry) or not (wish.schema or wish.registry or settings.url):
        message = "--topic needs the schemas of its records: say --schema FILE, or --registry URL"
        raise UsageError(message)
    if not wish.schema:
        try:
            return in_registry(settings.at(wish.registry))
        except ValueError as error:
            message = f"--registry {wish.registry}: {error}"
            raise UsageError(message) from None
    texts: dict[int | None, str] = {}
    for said in wish.schema:
        number, equals, name = said.partition("=")
        numbered = bool(equals) and number.isdigit()
        file = Path(name if numbered else said)
        try:
            texts[int(number) if numbered else None] = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            message = f"--schema {said}: {getattr(error, 'strerror', '') or 'not UTF-8'}"
            raise UsageError(message) from error
    return in_files(texts)


def _journal(wish: Wish, model: type[Event], log: str, stream: BinaryIO) -> Journal:
    """What an earlier run left of the same input, sent to the same log in the same way."""
    file = place(
        project_folder(wish.project) / ".minuet" / "publish",
        *(log, wish.event, str(wish.file.resolve()), wish.format, wish.id_field, wish.where),
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


def _reader(wish: Wish) -> Reader:
    format = wish.format or ("csv" if wish.file.suffix.lower() == ".csv" else "json")
    readers: dict[str, Reader] = {"json": read_json_lines, "csv": read_csv}
    if format not in readers:
        message = f"--format {format}: say json or csv"
        raise UsageError(message)
    return readers[format]


def _open(wish: Wish, stack: ExitStack) -> BinaryIO:
    if str(wish.file) == "-":
        return sys.stdin.buffer
    try:
        return cast(BinaryIO, stack.enter_context(wish.file.open("rb")))
    except OSError as error:
        message = f"--file {wish.file}: {error.strerror}"
        raise UsageError(message) from error
