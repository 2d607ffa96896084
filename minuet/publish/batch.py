"""Many events at once, from an input whose lines may be bad: counted so that it adds up.

Every line read is exactly one of accepted, duplicate, conflict or rejected; every accepted line
is published (acknowledged) or failed. Nothing is dropped: a full queue is waited for, and a line
that failed is reported with its number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from time import monotonic, time
from typing import cast

from minuet.errors import ContractError
from minuet.event import record
from minuet.kafka.connection import Connection
from minuet.kafka.reading import snapshot
from minuet.kafka.writer import Place, WriteError, Writer
from minuet.publish.envelope import Envelope, Sealed
from minuet.publish.publisher import DELIVERY_MS
from minuet.publish.rejects import Rejects
from minuet.publish.source import Row

# Larger batches for a file than for single events: nobody waits for one line's acknowledgement.
SETTINGS: Mapping[str, object] = {"linger.ms": 20, "message.timeout.ms": DELIVERY_MS}

_POLL_EVERY = 256  # lines between two looks at the acknowledgements
_ROOM_S = 0.1
_FLUSH_S = 0.5
_FLUSH_MOST_S = DELIVERY_MS / 1000 + 5


@dataclass
class Tally:
    """What became of the lines; `published + failed` is `accepted`, but in a dry run."""

    accepted: int = 0
    published: int = 0
    failed: int = 0
    duplicate: int = 0
    conflict: int = 0
    rejected: int = 0

    @property
    def lines(self) -> int:
        """All lines read."""
        return self.accepted + self.duplicate + self.conflict + self.rejected

    @property
    def clean(self) -> bool:
        """Whether no line was refused or failed."""
        return not (self.conflict or self.rejected or self.failed)


class Batch:
    """Publishes rows; one use.

    Args:
        envelope: seals the events.
        writer: where they go; None for a dry run.
        rejects: takes the lines that do not go through.
        on_log: id -> digest of what stands on the log, when that was asked for.
        id_field: the event's field that is its upstream id; empty for ids made from the key.
    """

    def __init__(
        self,
        envelope: Envelope,
        writer: Writer | None,
        rejects: Rejects,
        *,
        on_log: Mapping[str, bytes] | None = None,
        id_field: str = "",
    ) -> None:
        self.tally = Tally()
        self.stopped = ""  # why it ended before the input did
        self.reading = False  # waits for input: the only place where an interrupt may be raised
        self.rejects = rejects
        self._envelope, self._writer = envelope, writer
        self._on_log = on_log or {}
        self._id_field = id_field
        self._seen: dict[str, bytes] = {}
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
            self._take(row)
            since += 1
            if since == _POLL_EVERY:
                since = 0
                if self._writer is not None:
                    self._writer.serve(0)
                if progress is not None:
                    progress(self.tally)
        self._finish()
        return self.tally

    def _next(self, rows: Iterator[Row]) -> Row | None:
        """The next row; None at the end, and when waiting for it was interrupted."""
        try:
            self.reading = True
            return next(rows, None)
        except KeyboardInterrupt:
            self.stop("interrupted")
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

    def _take(self, row: Row) -> None:
        if row.event is None:
            self._refuse(row, row.reason)
            return
        try:
            id = str(getattr(row.event, self._id_field)) if self._id_field else ""
            sealed = self._envelope.seal(row.event, int(time() * 1000), id=id)
        except ContractError as error:
            self._refuse(row, str(error))
            return
        place, known = "on the log", self._on_log.get(sealed.id)
        if known is None:
            place, known = "in this input", self._seen.get(sealed.id)
        if known is None:
            self._seen[sealed.id] = sealed.digest
            self.tally.accepted += 1
            if self._writer is not None:
                self._hand_over(row, sealed, self._writer)
        elif known == sealed.digest:
            self.tally.duplicate += 1
        else:
            self.tally.conflict += 1
            reason = f"conflict: id {sealed.id} stands {place} with other content"
            self.rejects.add(row.number, row.text, reason)

    def _refuse(self, row: Row, reason: str) -> None:
        self.tally.rejected += 1
        self.rejects.add(row.number, row.text, reason)

    def _hand_over(self, row: Row, sealed: Sealed, writer: Writer) -> None:
        done = partial(self._done, row)
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
            return
        self.tally.failed += 1
        self.rejects.add(row.number, row.text, f"not published: {result.reason}")
        if not self.stopped and not result.alone:
            self.stopped = result.reason  # the broker is gone or refuses: the next line fails too


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
