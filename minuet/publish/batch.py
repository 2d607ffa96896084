"""Many events at once, from an input whose lines may be bad: counted so that it adds up.

Every line read is exactly one of accepted, duplicate, conflict, rejected or left out (by
`--where`); every accepted line is published (acknowledged), failed, or was acknowledged by an
earlier run. Nothing is dropped: a full queue is waited for, and a line that failed is reported with
its number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from time import monotonic, time
from typing import cast

from minuet.errors import BrokerError, ContractError
from minuet.event import record
from minuet.event.model import Event
from minuet.kafka.connection import Connection
from minuet.kafka.reading import snapshot
from minuet.kafka.writer import Place, WriteError, Writer
from minuet.publish.envelope import Envelope, Sealed
from minuet.publish.pace import Pace
from minuet.publish.publisher import DELIVERY_MS
from minuet.publish.rejects import Rejects
from minuet.publish.resume import Marks
from minuet.publish.source import Row
from minuet.where import Where

# Larger batches for a file than for single events: nobody waits for one line's acknowledgement.
SETTINGS: Mapping[str, object] = {"linger.ms": 20, "message.timeout.ms": DELIVERY_MS}

_POLL_EVERY = 256  # lines between two looks at the acknowledgements
_ROOM_S = 0.1
_FLUSH_S = 0.5
_FLUSH_MOST_S = DELIVERY_MS / 1000 + 5


@dataclass
class Tally:
    """What became of the lines; `published + before + failed` is `accepted`, but in a dry run.

    `before`: acknowledged by an earlier run, and not sent again.
    """

    accepted: int = 0
    published: int = 0
    before: int = 0
    failed: int = 0
    duplicate: int = 0
    conflict: int = 0
    rejected: int = 0
    left_out: int = 0

    @property
    def lines(self) -> int:
        """All lines read."""
        return self.accepted + self.duplicate + self.conflict + self.rejected + self.left_out

    @property
    def clean(self) -> bool:
        """Whether no line was refused or failed."""
        return not (self.conflict or self.rejected or self.failed)


@dataclass(frozen=True)
class Terms:
    """How rows are to be published.

    Args:
        on_log: id -> digest of what stands on the log, when that was asked for.
        id_field: the event's field that is its upstream id; empty for ids made from the key.
        where: which events are wanted; None for all.
        rate: the most events in a second; 0 for no limit.
        journal: knows how far an earlier run came, and remembers how far this one comes.
    """

    on_log: Mapping[str, bytes] = field(default_factory=dict)
    id_field: str = ""
    where: Where | None = None
    rate: float = 0
    journal: Marks | None = None


class Batch:
    """Publishes rows; one use.

    Args:
        envelope: seals the events.
        writer: where they go; None for a dry run.
        rejects: takes the lines that do not go through.
        terms: how.
    """

    def __init__(
        self,
        envelope: Envelope,
        writer: Writer | None,
        rejects: Rejects,
        terms: Terms | None = None,
    ) -> None:
        self.tally = Tally()
        self.stopped = ""  # why it ended before the input did
        self.reading = False  # waits for input: the only place where an interrupt may be raised
        self.rejects = rejects
        terms = terms or Terms()
        self._envelope, self._writer, self._terms = envelope, writer, terms
        self._pace = Pace(terms.rate) if terms.rate else None
        self._look_every = (
            min(_POLL_EVERY, max(1, int(terms.rate / 10))) if terms.rate else _POLL_EVERY
        )
        self._resumes_after = terms.journal.begun.line if terms.journal else 0
        self._seen: dict[str, bytes] = {}
        self._line = 0  # the last one taken
        self._under_way: dict[int, None] = {}  # lines sent and not acknowledged, in order
        self._abandon = False

    def stop(self, why: str) -> None:
        """Read no further line, then flush; said twice, do not wait for the flush either."""
        self._abandon = bool(self.stopped)
        self.stopped = why

    def run(self, rows: Iterator[Row], progress: Callable[[Tally], None] | None = None) -> Tally:
        """Publish all rows, wait for their acknowledgements, and return what became of them."""
        since = 0
        while not self.stopped:
            row = self._next(rows)
            if row is None:
                break
            if not self._goes_on(row):
                break
            self._take(row)
            since += 1
            if since == self._look_every:
                since = 0
                self._look()
                if progress is not None:
                    progress(self.tally)
        self._finish()
        return self.tally

    def _look(self) -> None:
        """Take acknowledgements, and note how far all is done."""
        if self._writer is not None:
            self._writer.serve(0)
        if self._terms.journal is not None:
            first = next(iter(self._under_way), None)
            self._terms.journal.look(self._line, self.tally.accepted, first)

    def _next(self, rows: Iterator[Row]) -> Row | None:
        """The next row; None at the end, and when waiting for it was interrupted."""
        try:
            self.reading = True
            return next(rows, None)
        except KeyboardInterrupt:
            self.stop("interrupted")
            return None
        except BrokerError as error:  # the input's broker or registry; what was sent is flushed
            self.stop(str(error))
            return None
        finally:
            self.reading = False

    def _finish(self) -> None:
        """Wait until each accepted line is acknowledged or has failed."""
        if self._writer is None:
            return
        until = monotonic() + _FLUSH_MOST_S
        while self._writer.flush(_FLUSH_S):
            if self._abandon or monotonic() > until:
                self._writer.purge()
                break
        if self._terms.journal is not None:
            if self.stopped:
                first = next(iter(self._under_way), None)
                self._terms.journal.look(self._line, self.tally.accepted, first, now=True)
            else:
                self._terms.journal.forget()

    def _goes_on(self, row: Row) -> bool:
        """Whether to take the row; not if the lines sent before are judged otherwise now."""
        journal = self._terms.journal
        if journal is None or not self._line <= self._resumes_after < row.number:
            return True
        if self.tally.accepted == journal.begun.accepted:
            return True
        upto = f"lines up to {self._resumes_after}"
        self.stop(f"{upto} are judged otherwise than when they were sent: say --from-start")
        return False

    def _take(self, row: Row) -> None:
        self._line = row.number
        if row.event is None:
            self._refuse(row, row.reason)
            return
        try:
            if self._terms.where is not None and not self._terms.where.holds(row.event):
                self.tally.left_out += 1
                return
            id = upstream_id(row.event, self._terms.id_field) if self._terms.id_field else row.id
            sealed = self._envelope.seal(row.event, int(time() * 1000), id=id)
        except ContractError as error:
            self._refuse(row, str(error))
            return
        place, known = "on the log", self._terms.on_log.get(sealed.id)
        if known is None:
            place, known = "in this input", self._seen.get(sealed.id)
        if known is None:
            self._seen[sealed.id] = sealed.digest
            self._accept(row, sealed)
        elif known == sealed.digest:
            self.tally.duplicate += 1
        else:
            self.tally.conflict += 1
            reason = f"conflict: id {sealed.id} stands {place} with other content"
            self.rejects.add(row.number, row.text, reason)

    def _accept(self, row: Row, sealed: Sealed) -> None:
        self.tally.accepted += 1
        if row.number <= self._resumes_after:
            self.tally.before += 1
        elif self._writer is not None:
            self._wait_for_turn(self._writer)
            self._hand_over(row, sealed, self._writer)

    def _wait_for_turn(self, writer: Writer) -> None:
        if self._pace is None:
            return
        while not self.stopped and (wait_s := self._pace.wait_s(monotonic())) > 0:
            writer.serve(min(wait_s, _ROOM_S))  # in pieces: an interrupt ends the waiting
        self._pace.went(monotonic())

    def _refuse(self, row: Row, reason: str) -> None:
        self.tally.rejected += 1
        self.rejects.add(row.number, row.text, reason)

    def _hand_over(self, row: Row, sealed: Sealed, writer: Writer) -> None:
        done = partial(self._done, row)
        self._under_way[row.number] = None
        while True:
            try:
                writer.append(sealed.key, sealed.value, sealed.headers, done)
            except BufferError:  # the queue is full: make room, never drop
                writer.serve(_ROOM_S)
                if self._abandon:
                    writer.purge()
            else:
                return

    def _done(self, row: Row, result: Place | WriteError) -> None:
        if not isinstance(result, WriteError):
            self.tally.published += 1
            del self._under_way[row.number]
            return
        self.tally.failed += 1
        if result.alone:  # it would fail again
            del self._under_way[row.number]
        self.rejects.add(row.number, row.text, f"not published: {result.reason}")
        if not self.stopped and not result.alone:
            self.stopped = result.reason  # the broker is gone or refuses: the next line fails too


def upstream_id(event: Event, field: str) -> str:
    """The id that came with an event.

    Raises:
        ContractError: the field is empty.
    """
    value = getattr(event, field)
    id = "" if value is None else str(value.value if isinstance(value, Enum) else value)
    if not id:
        message = f"{field}: it is the event's id and cannot be empty"
        raise ContractError(message)
    return id


def on_log(connection: Connection, topic: str, event_type: str) -> dict[str, bytes]:
    """The digest of each event of `event_type` on the log, by id; the first content counts.

    Raises:
        BrokerError: the broker cannot be reached.
        UsageError: there is no such topic.
    """
    wanted = event_type.encode()
    found: dict[str, bytes] = {}
    for message in snapshot(connection, topic):
        headers = cast("dict[str, bytes]", dict(message.headers() or ()))
        id, digest = headers.get(record.ID), headers.get(record.DIGEST)
        if headers.get(record.TYPE) == wanted and id is not None and digest is not None:
            found.setdefault(id.decode("utf-8", "replace"), digest)
    return found
