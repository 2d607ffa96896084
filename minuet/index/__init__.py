"""Where on a log the records of a saga stand, kept in a file of the project.

A log can only be read in its order; whoever wants one saga of a million events would read them all.
The index has, for each key, the partition and the offsets of its records, and nothing of what they
say. It is brought up to date when it is asked, by reading what has come since. It is a cache: of a
topic made anew, of another version, or broken, it is begun anew; where nothing can be written,
there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from minuet.index.places import Places, Unusable
from minuet.kafka.connection import Connection
from minuet.kafka.identity import topic_id
from minuet.kafka.picking import Place
from minuet.kafka.reading import snapshot

__all__ = ["Index"]

BATCH = 20_000  # records between two writes
_PROGRESS_EVERY = 2_000

Ends = Mapping[int, tuple[int, int]]  # the first offset of each partition, and the next one
Progress = Callable[[int, int], None]  # records read, and of how many


class Index:
    """The index of a project's logs.

    Args:
        folder: for its files, one for each log; made where it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(
        self,
        connection: Connection,
        topic: str,
        key: bytes,
        ends: Ends,
        partitions: Iterable[int],
        progress: Progress = lambda _done, _all: None,
    ) -> list[Place] | None:
        """Return where records of a key stand in these partitions, up to their ends.

        Another key's may be among them: a key is known by a part of its digest.

        Args:
            connection: where Kafka is.
            topic: the log.
            key: of the saga.
            ends: of the topic's partitions.
            partitions: to be looked into.
            progress: told how much is read to bring the index up to date.

        Returns:
            The places in their order; None when there is no index to be had.

        Raises:
            BrokerError: Kafka cannot be reached.
        """
        identity = topic_id(connection, topic)
        wanted = {number: ends[number] for number in partitions}
        for attempt in range(2):
            try:
                with Places(self._folder / f"{topic}.sqlite", identity) as places:
                    _bring_up(connection, topic, places, wanted, progress)
                    return places.of(key, wanted)
            except Unusable as bad:
                if attempt or not bad.may_begin_anew:
                    return None
                Places.delete(self._folder / f"{topic}.sqlite")
        return None


def _bring_up(
    connection: Connection, topic: str, places: Places, ends: Ends, progress: Progress
) -> None:
    """Read what has come since."""
    start = {}
    for number, (low, high) in ends.items():
        known = places.known(number)
        if known > high:  # the log has lost records, and others stand there now
            places.forget(number)
            known = 0
        if max(known, low) < high:
            start[number] = max(known, low)
    if not start:
        return
    until = {number: ends[number][1] for number in start}
    total = sum(until[number] - first for number, first in start.items())
    found: list[tuple[bytes, int, int]] = []
    reached = dict(start)
    for count, message in enumerate(snapshot(connection, topic, start, until)):
        number, offset = message.partition() or 0, message.offset() or 0
        found.append((message.key() or b"", number, offset))
        reached[number] = offset + 1
        if count % _PROGRESS_EVERY == 0:
            progress(count, total)
        if len(found) >= BATCH:
            places.add(found, reached)
            found.clear()
    places.add(found, until)
