"""Where a replay comes from: a stretch of a log on Kafka, or a file of an earlier replay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Protocol

from minuet.contracts.registry import schema_id
from minuet.contracts.schema import Schema, fingerprint_of, read_schema
from minuet.errors import ContractError, UsageError
from minuet.kafka.connection import Connection
from minuet.kafka.identity import topic_id
from minuet.kafka.kept import Kept, kept_snapshot
from minuet.kafka.offsets import watermarks
from minuet.kafka.registries import registry_of
from minuet.kafka.spans import Bound, Moment, Offsets, Span
from minuet.replay.container import About, read_container
from minuet.replay.lines import read_lines
from minuet.spec.model import Spec

FORMATS = (".avro", ".jsonl")


class Source(Protocol):
    """Records, read as often as they are asked for.

    Attributes:
        name: for people.
        partitions: of the log that the records stand on, or stood on.
    """

    name: str
    partitions: int

    @property
    def most(self) -> int:
        """How many records it may have; 0 where that is not known."""
        ...

    @property
    def identity(self) -> str:
        """Another one when what it holds is another."""
        ...

    def records(self, first: Mapping[int, int] | None = None) -> Iterator[Kept]:
        """Its records, from its beginning, or in each partition from an offset on."""
        ...

    def find(self, fingerprint: str) -> Schema | None:
        """The writer's schema of this fingerprint."""
        ...


class LogSource:
    """A stretch of a log.

    Args:
        connection: where it is.
        spec: of the workflow whose log it is.
        span: what is read of it.
        partitions: how many the topic has.
    """

    def __init__(self, connection: Connection, spec: Spec, span: Span, partitions: int) -> None:
        self.name = f"{spec.log_topic} at {connection.bootstrap}"
        self.partitions = partitions
        self.span = span
        self._connection, self._spec, self._topic = connection, spec, spec.log_topic
        self._registry = registry_of(connection, spec.schema_topic)

    @property
    def most(self) -> int:
        """The offsets of the stretch; a gap has no record."""
        return self.span.most

    @property
    def identity(self) -> str:
        """The topic's id: a topic made anew is another."""
        return topic_id(self._connection, self._topic)

    def from_beginning(self) -> LogSource:
        """The same up to its end, from where the log begins, in all of its partitions."""
        marks = watermarks(self._connection, self._topic)
        ends = {number: self.span.ends.get(number, high) for number, (_, high) in marks.items()}
        first = {number: min(low, ends[number]) for number, (low, _) in marks.items()}
        return LogSource(self._connection, self._spec, Span(first, ends), self.partitions)

    def records(self, first: Mapping[int, int] | None = None) -> Iterator[Kept]:
        """See `Source.records`."""
        start = self.span.first if first is None else first
        return kept_snapshot(self._connection, self._topic, start, self.span.ends)

    def find(self, fingerprint: str) -> Schema | None:
        """See `Source.find`."""
        return self._registry.find(fingerprint)


class FileSource:
    """A file of an earlier replay.

    Args:
        path: its ending says what it is.
        workflow: whose records it must have.
        begin, end: of what is read: moments of the records, or offsets that they had.

    Raises:
        UsageError: it is not there, no such file, or another workflow's.
    """

    def __init__(
        self, path: Path, workflow: str, begin: Bound | None = None, end: Bound | None = None
    ) -> None:
        self.name = str(path)
        self.most = 0
        self._path, self._begin, self._end = path, begin, end
        try:
            with path.open("rb") as stream:
                self.about, _ = _opened(path, stream)
        except OSError as error:
            message = f"{path}: {error.strerror}"
            raise UsageError(message) from error
        if self.about.workflow != workflow:
            message = f"{path} is of the log of {self.about.workflow}, and not of {workflow}"
            raise UsageError(message)
        self.partitions = self.about.partitions

    def from_beginning(self) -> FileSource:
        """The same up to its end, from where the file begins."""
        return FileSource(self._path, self.about.workflow, None, self._end)

    @property
    def identity(self) -> str:
        """Where it is, how long, and when it was written."""
        stat = self._path.stat()
        return f"{self._path.resolve()} {stat.st_size} {stat.st_mtime_ns}"

    def records(self, first: Mapping[int, int] | None = None) -> Iterator[Kept]:
        """See `Source.records`."""
        with self._path.open("rb") as stream:
            for record in _opened(self._path, stream)[1]:
                if first is not None and record.offset < first.get(record.partition, 0):
                    continue
                if self._begin is not None and not _is_from(record, self._begin):
                    continue
                if self._end is None or _is_before(record, self._end):
                    yield record

    def find(self, fingerprint: str) -> Schema | None:
        """See `Source.find`; a schema that is not what its fingerprint says is none."""
        text = self.about.schemas.get(fingerprint)
        if text is None or fingerprint_of(text) != fingerprint:
            return None
        try:
            return read_schema(text)
        except ContractError:
            return None


class SourceSchemas:
    """A source as a registry, to decode with: nothing is ever registered there."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def register(self, schema: Schema) -> int:
        """See `Registry.register`; only its id is told."""
        return schema_id(schema.fingerprint)

    def find(self, fingerprint: str, number: int = 0) -> Schema | None:
        """See `Registry.find`."""
        return self._source.find(fingerprint)


def _opened(path: Path, stream: BinaryIO) -> tuple[About, Iterator[Kept]]:
    read = read_container if path.suffix == ".avro" else read_lines
    return read(stream, str(path))


def _is_from(record: Kept, bound: Bound) -> bool:
    """Whether a record stands at a bound or after it; in a partition that it leaves out none."""
    match bound:
        case Moment(ms):
            return record.time >= ms
        case Offsets(at):
            return record.partition in at and record.offset >= at[record.partition]


def _is_before(record: Kept, bound: Bound) -> bool:
    """Whether a record stands before a bound; in a partition that it leaves out none does."""
    match bound:
        case Moment(ms):
            return record.time < ms
        case Offsets(at):
            return record.offset < at.get(record.partition, -1)
