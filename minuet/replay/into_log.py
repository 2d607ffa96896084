"""A replay into a log: what it has not yet is appended, each saga in the order of the source.

What stands on the log is read first, so nothing is written twice, and a replay that was broken off
goes on by itself: what was acknowledged stands there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from time import monotonic

from minuet.contracts.registry import Registry
from minuet.errors import UsageError
from minuet.event.record import ID, REJECTS, SCHEMA, SCHEMA_PREFIX
from minuet.kafka.kept import Kept
from minuet.kafka.writer import Headers, Place, WriteError, Writer
from minuet.publish.pace import Pace
from minuet.replay.foresight import is_readable, rejected_id
from minuet.replay.marks import Marks
from minuet.replay.sources import Source
from minuet.replay.stopping import Stopping

SETTINGS = {"linger.ms": 20, "message.timeout.ms": 60_000}

_LOOK_EVERY = 256
_ROOM_S = 0.1
_FLUSH_MOST_S = 65.0
_PREFIX_BYTES = 5  # a zero byte and the schema's id

Progress = Callable[[int, int], None]


@dataclass
class Known:
    """What a log has: a saga's event is known by its id.

    Attributes:
        watched: ids of records of which must be known where they stand.
    """

    watched: set[bytes] = field(default_factory=set)
    places: dict[tuple[bytes, bytes], int] = field(default_factory=dict)
    _ids: Marks = field(default_factory=Marks)

    def __len__(self) -> int:
        return len(self._ids)

    def is_new(self, record: Kept) -> bool:
        """Take a record; whether it is the first of its id in its saga."""
        return self._ids.add(hash((record.key, record.header(ID))))

    def saw(self, record: Kept) -> None:
        """Note where a record stands, if that must be known; the first of its id counts."""
        if (id := record.header(ID)) in self.watched:
            self.places.setdefault((record.key or b"", id), record.offset)

    def copy(self) -> Known:
        """Return another that takes more without changing this one."""
        return Known(set(self.watched), dict(self.places), self._ids.copy())


class Prefixes:
    """Values with the schema ids of another registry.

    Args:
        source: knows the writers' schemas.
        registry: where they are registered.

    Attributes:
        unknown: fingerprints that the source does not know; such values stay as they are.
    """

    def __init__(self, source: Source, registry: Registry) -> None:
        self.unknown: set[str] = set()
        self._source, self._registry = source, registry
        self._found: dict[bytes, bytes] = {}

    def value(self, record: Kept) -> bytes | None:
        """The value of a record, for the other registry.

        Raises:
            BrokerError: the registry cannot be reached.
        """
        value, schema = record.value, record.header(SCHEMA)
        if value is None or len(value) < _PREFIX_BYTES or value[0]:
            return value
        if schema not in self._found:
            self._found[schema] = self._prefix(schema)
        prefix = self._found[schema]
        return prefix + value[_PREFIX_BYTES:] if prefix else value

    def _prefix(self, schema: bytes) -> bytes:
        fingerprint = schema.removeprefix(SCHEMA_PREFIX).decode(errors="replace")
        found = self._source.find(fingerprint) if schema.startswith(SCHEMA_PREFIX) else None
        if found is None:
            self.unknown.add(fingerprint)
            return b""
        number = self._registry.register(found)
        return b"\x00" + number.to_bytes(_PREFIX_BYTES - 1, "big")


@dataclass
class Tally:
    """What became of the records: each is one of these, but those of other sagas."""

    appended: int = 0
    known: int = 0
    unreadable: int = 0
    failed: str = ""


class Appending:
    """Appends what a log has not; one use.

    Args:
        known: what it has.
        prefixes: makes values fit for it.
        writer: onto it.
        rate: the most records in a second; 0 for no limit.
    """

    def __init__(self, known: Known, prefixes: Prefixes, writer: Writer, rate: float = 0) -> None:
        self.tally = Tally()
        self._known, self._prefixes, self._writer = known, prefixes, writer
        self._pace = Pace(rate) if rate else None

    def run(
        self, records: Iterator[Kept], stopping: Stopping, most: int, progress: Progress
    ) -> None:
        """Append; wait for each acknowledgement.

        Raises:
            BrokerError: the source cannot be read any more; what was handed over is written.
        """
        try:
            for number, record in enumerate(stopping.until(records)):
                if number % _LOOK_EVERY == 0:
                    self._writer.serve(0)
                    progress(number, most)
                if self.tally.failed:
                    break
                self._take(record, stopping)
        finally:
            self._flush()

    def _take(self, record: Kept, stopping: Stopping) -> None:
        if not is_readable(record):
            self.tally.unreadable += 1
        elif not self._known.is_new(record):
            self.tally.known += 1
        elif self._waited(stopping):
            headers = self._headers(record)
            value = self._prefixes.value(record)
            done = partial(self._done, (record.key or b"", record.header(ID)))
            while not self.tally.failed:
                try:
                    self._writer.append(
                        record.key or b"", value or b"", headers, done, partition=record.partition
                    )
                except BufferError:
                    self._writer.serve(_ROOM_S)
                else:
                    return

    def _headers(self, record: Kept) -> Headers:
        """The headers; of one that says which offset cannot be read, with where it stands here."""
        rejected = rejected_id(record)
        if rejected:
            self._flush()
            at = self._known.places.get((record.key or b"", rejected))
            if at is not None:
                return [
                    (name, str(at).encode() if name == REJECTS else value)
                    for name, value in record.headers
                ]
        return [*record.headers]

    def _waited(self, stopping: Stopping) -> bool:
        if self._pace is None:
            return True
        while (wait_s := self._pace.wait_s(monotonic())) > 0:
            if stopping.code or self.tally.failed:
                return False
            self._writer.serve(min(wait_s, _ROOM_S))
        self._pace.went(monotonic())
        return True

    def _done(self, what: tuple[bytes, bytes], result: Place | WriteError) -> None:
        if isinstance(result, WriteError):
            if not self.tally.failed:
                self.tally.failed = str(result)
            return
        self.tally.appended += 1
        if what[1] in self._known.watched:
            self._known.places.setdefault(what, result.offset)

    def _flush(self) -> None:
        if self.tally.failed:
            self._writer.purge()
        elif self._writer.flush(_FLUSH_MOST_S):
            self._writer.purge()
            self.tally.failed = "not all was acknowledged in time"


def check_partitions(source: Source, partitions: int, name: str) -> None:
    """Make sure that each record has its partition.

    Raises:
        UsageError: it has not.
    """
    if source.partitions != partitions:
        message = (
            f"{source.name} has {source.partitions} partitions, and {name} has {partitions}: "
            "a saga's records must stay in one partition, in their order"
        )
        raise UsageError(message)
