"""Recorded sagas from a stretch of the log, each whole: what is spread over it is brought together.

A short stretch is kept in memory. A long one is dealt into files by key, so that each file is a
part of the sagas, all of each; then the files are read one after the other. So memory holds one
file's records at a time, and the disk the stretch once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, cast
from zlib import crc32

from minuet.kafka.connection import Connection
from minuet.kafka.partitioner import partition_of
from minuet.kafka.reading import snapshot
from minuet.kafka.spans import Span
from minuet.rehearsal.wire import Raw, Saga, receive, write

IN_MEMORY = 50_000  # records at a time: a record takes about 2 KB
FILES_MOST = 256  # beyond 12.8 million records the files, and what is in memory, grow
BATCH = 100  # sagas

Key = tuple[int, bytes]
Progress = Callable[[int], None]


def batches(
    connection: Connection, topic: str, span: Span, partitions: int, saga: str = "",
    progress: Progress = lambda _read: None,
) -> Iterator[list[Saga]]:  # fmt: skip
    """Return the sagas of a stretch, so many at a time.

    Args:
        connection: where the log is.
        topic: the log.
        span: of it.
        partitions: how many the log has, of which the span may have some.
        saga: the only one that is wanted, or empty.
        progress: told how many records are read.

    Raises:
        BrokerError: Kafka cannot be reached.
    """
    wanted = saga.encode()
    own = partition_of(wanted, partitions) if wanted else -1
    numbers = [own] if own in span.first else list(span.first)
    first = {number: span.first[number] for number in numbers}
    read = _read(connection, topic, first, span, wanted, progress)
    most = sum(span.ends[number] - first[number] for number in first)
    if most <= IN_MEMORY:
        yield from _in_batches(read)
        return
    with TemporaryDirectory(prefix="minuet-whatif-") as folder:
        files = min(FILES_MOST, -(-most // IN_MEMORY))
        for file in _dealt(Path(folder), files, read):
            with file.open("rb") as stream:
                yield from _in_batches(iter(partial(receive, stream), None))
            file.unlink()


def _read(
    connection: Connection, topic: str, first: dict[int, int], span: Span, wanted: bytes,
    progress: Progress,
) -> Iterator[tuple[int, bytes, Raw]]:  # fmt: skip
    for read, message in enumerate(snapshot(connection, topic, first, span.ends), 1):
        if read % 2_000 == 0:
            progress(read)
        key = message.key()
        if key and (not wanted or key == wanted):
            headers = cast("list[tuple[str, bytes | None]]", message.headers() or [])
            raw = (message.offset() or 0, message.timestamp()[1], message.value(), headers)
            yield message.partition() or 0, bytes(key), raw


def _dealt(folder: Path, count: int, read: Iterator[tuple[int, bytes, Raw]]) -> list[Path]:
    files = [folder / str(number) for number in range(count)]
    with ExitStack() as stack:
        streams: list[IO[bytes]] = [stack.enter_context(file.open("wb")) for file in files]
        for partition, key, raw in read:
            write(streams[crc32(key) % count], (partition, key, raw))
    return files


def _in_batches(read: Iterator[tuple[int, bytes, Raw]]) -> Iterator[list[Saga]]:
    found: dict[Key, list[Raw]] = {}
    for partition, key, raw in read:
        found.setdefault((partition, key), []).append(raw)
    batch: list[Saga] = []
    for (_, key), raws in found.items():
        batch.append((key, raws))
        if len(batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
