"""The seam between the loop and Kafka, small enough that a model broker can stand in for it.

A log tells its sink what happened, on the loop's thread and in the order it happened; the loop
tells the log what to append and what to commit. Nothing else crosses.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from minuet.event.record import Headers, Record


@dataclass(slots=True, init=False)
class Append:
    """A record to be written, and what to do when it has been.

    Args:
        topic: its whole name.
        partition: of the topic; equal for all topics of a workflow.
        value: None for a tombstone.
        event_id: of the event, empty for a row and for a dead letter.
        acked: called with the append and its offset once all replicas have it.
        note, owner: the caller's own, for `acked` and for trying again.
        alone: the log's own: it is not to be sent together with others.
        then: another, of the same partition, that is written in the same transaction, behind this
            one: only for an atomic log. When this one failed, so did that.
    """

    topic: str
    partition: int
    key: bytes
    value: bytes | None
    headers: Headers
    event_id: str = ""
    acked: Callable[[Append, int], None] | None = field(default=None, repr=False)
    note: Any = field(default=None, repr=False)
    owner: Any = field(default=None, repr=False)
    alone: bool = field(default=False, repr=False)
    then: Append | None = field(default=None, repr=False)

    def __init__(
        self, topic: str, partition: int, key: bytes, value: bytes | None, headers: Headers,
        event_id: str = "",
    ) -> None:  # fmt: skip
        self.topic, self.partition, self.key, self.value = topic, partition, key, value
        self.headers, self.event_id = headers, event_id
        self.acked, self.note, self.owner, self.alone = None, None, None, False
        self.then = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record as it is. Told by a read: without key or readable headers it is a dead letter."""

    offset: int
    time: int
    key: bytes
    value: bytes | None
    headers: Headers
    reason: str


@dataclass(frozen=True, slots=True)
class Position:
    """Where a partition stood when it was assigned.

    Args:
        start: the offset that reading begins at: the coordinator group's committed offset, or the
            log's beginning when there is none or it is out of range; never the end.
        high: the high watermark.
    """

    start: int
    high: int


class Sink(Protocol):
    """What the loop wants to be told."""

    def assigned(self, positions: Mapping[int, Position]) -> None:
        """Partitions were assigned; their records follow, from the positions' start."""

    async def revoked(self, partitions: Iterable[int]) -> None:
        """Partitions are about to be taken away: checkpoint them, then return."""

    def lost(self, partitions: Iterable[int]) -> None:
        """Partitions were taken away: somebody else may own them already."""

    def read(self, partition: int, records: Sequence[Record | Unreadable]) -> None:
        """Records of the log, in their order."""

    def reached(self, partition: int, offset: int) -> None:
        """Everything below `offset` has been read (it may have gaps)."""

    def uncommitted(self, partitions: Iterable[int]) -> None:
        """A commit of positions in these failed: commit again."""

    def failed(self, append: Append, reason: str, *, final: bool) -> None:
        """It is not known whether the append was written.

        Args:
            append: as it was handed over.
            reason: for the log and the operator.
            final: it was not, since the broker does not take this record: trying again can never
                help.
        """

    def called(self, partition: int, key: str) -> None:
        """A wake-up call for a saga is due; it may be stale, or come twice."""

    def broken(self, error: Exception) -> None:
        """The log cannot go on."""


class Log(Protocol):
    """What the loop wants of Kafka."""

    @property
    def atomic(self) -> bool:
        """Whether what is appended and committed without a pause is written as one, or not at all:
        a position may then be committed right behind rows that are not acked yet.
        """

    async def open(self, sink: Sink) -> None:
        """Connect and join the group."""

    def append(self, append: Append) -> None:
        """Write a record; its `acked` or `Sink.failed` follows, never before this returns."""

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Commit positions in the log; `Sink.uncommitted` may follow."""

    def pause(self, partitions: Iterable[int]) -> None:
        """Read no more of these for now."""

    def resume(self, partitions: Iterable[int]) -> None:
        """Read these (again)."""

    async def high_watermark(self, partition: int) -> int:
        """Ask for the log's high watermark.

        Raises:
            BrokerError: there was no answer.
        """

    async def is_member(self) -> bool:
        """Ask whether the group still has this member: up to now nobody took what it owns.

        Raises:
            BrokerError: there was no answer.
        """

    def was_silent(self) -> bool:
        """Whether it stood still for longer than its session, and `is_member` has not said since
        that nobody took over.
        """

    def follow(self, partition: int, delays: Mapping[str, int]) -> None:
        """Tell of the calls on a partition of delay topics, each when its time has come.

        Args:
            delays: topic -> how long its records wait, in ms.
        """

    def unfollow(self, partition: int) -> None:
        """Tell no more of them."""

    def rows(
        self, partition: int, start: int = 0, end: int | None = None
    ) -> AsyncIterator[Sequence[tuple[bytes, bytes | None, int]]]:
        """Read stored rows as (key, row or None, offset), in chunks, to `end` or the end of now."""

    def history(
        self, partition: int, start: int, end: int
    ) -> AsyncIterator[Sequence[Record | Unreadable]]:
        """Read the log beside the group between two offsets, in chunks; what is gone is left out.

        Raises:
            BrokerError: the broker does not say.
        """

    async def records(self, partition: int, offsets: Sequence[int]) -> Mapping[int, Unreadable]:
        """Read single records of the log as they are, by offset; what is gone is left out.

        Raises:
            BrokerError: the broker does not say.
        """

    async def close(self) -> None:
        """Flush, leave the group, and end every thread."""
