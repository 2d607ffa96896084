"""A file that is written in pieces: not there before it is whole, and gone on with after a kill.

While it is written it is FILE.part, and FILE.part.json says up to where it holds: so many bytes,
which hold the records before these offsets. What stands behind is cut off before it goes on.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import BinaryIO

from minuet.errors import UsageError
from minuet.kafka.kept import Kept
from minuet.kafka.spans import Span
from minuet.replay.container import About, ContainerWriter
from minuet.replay.lines import Decode, LineWriter

_EVERY_S = 1.0  # between two marks; what is written again after a kill is what came in this time


@dataclass(frozen=True)
class Mark:
    """How far a file is written.

    Args:
        identity: of the replay, so that another one does not go on with it.
        ends: partition -> the offset before which the whole replay ends.
        next: partition -> the first offset that is not taken.
        length: bytes of the file.
        records: in it.
        sync: what stands between its blocks.
        asked_ms: when the replay was asked for, ms since 1970: 2h ago is counted from then.
    """

    identity: str
    ends: Mapping[int, int] = field(default_factory=dict)
    next: Mapping[int, int] = field(default_factory=dict)
    length: int = 0
    records: int = 0
    sync: str = ""
    asked_ms: int | None = None

    @property
    def span(self) -> Span:
        """What is left to be read."""
        return Span(dict(self.next), dict(self.ends))


class Output:
    """A file to be written; holds it against another replay until it is closed.

    Args:
        path: where it will be.
        identity: of this replay.
        asked_ms: when it was asked for, ms since 1970.

    Attributes:
        begun: how far an earlier run of the same replay came; None for none.

    Raises:
        UsageError: it is there already, cannot be written, or another replay writes it.
    """

    def __init__(self, path: Path, identity: str, asked_ms: int | None = None) -> None:
        if path.exists():
            message = f"--into {path}: it is there already: name another file, or remove it"
            raise UsageError(message)
        self.path, self._identity = path, identity
        self._part = path.with_name(path.name + ".part")
        self._marks = path.with_name(path.name + ".part.json")
        self._is_mine = not self._part.exists()
        try:
            self._stream: BinaryIO = self._part.open("ab")
        except OSError as error:
            message = f"--into {path}: {error.strerror}"
            raise UsageError(message) from error
        try:
            fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._stream.close()
            message = f"--into {path}: another replay writes it now"
            raise UsageError(message) from error
        self.begun = self._read()
        self._writer: ContainerWriter | LineWriter | None = None
        self._mark = self.begun or Mark(identity, asked_ms=asked_ms)
        self._next: dict[int, int] = dict(self._mark.next)
        self._written = self._mark.records
        self._marked_at = 0.0

    @property
    def records(self) -> int:
        """How many it has, of earlier runs too."""
        return self._written

    @property
    def length(self) -> int:
        """Bytes, as of the last mark."""
        return self._mark.length

    def start(self, about: About, decode: Decode, span: Span) -> None:
        """Begin to write, or go on where the mark is.

        Args:
            about: what a new file says of itself.
            decode: what is shown of a value, in JSON lines.
            span: what all of the file is read from.
        """
        self._stream.truncate(self._mark.length)
        begun = self.begun is not None
        if self.path.suffix == ".avro":
            sync = bytes.fromhex(self._mark.sync)
            self._writer = ContainerWriter(self._stream, about, sync)
        else:
            self._writer = LineWriter(self._stream, about, decode, begun=begun)
        if not begun:
            self._next = dict(span.first)
            self._mark = replace(self._mark, ends=dict(span.ends), sync=self._writer.sync.hex())
            self.mark()

    def add(self, record: Kept, *, wanted: bool) -> None:
        """Take a record, and write it if it is wanted."""
        assert self._writer is not None
        if wanted:
            self._writer.add(record)
            self._written += 1
        self._next[record.partition] = record.offset + 1

    def mark_now_and_then(self) -> None:
        """Mark how far it is, if the last time is a moment ago."""
        if monotonic() - self._marked_at >= _EVERY_S:
            self.mark()

    def mark(self) -> None:
        """Write all that was taken, and down how far it is."""
        assert self._writer is not None
        self._writer.flush()
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._mark = replace(
            self._mark, next=dict(self._next), records=self._written, length=self._stream.tell()
        )
        beside = self._marks.with_name(self._marks.name + ".new")
        beside.write_text(json.dumps(asdict(self._mark)), encoding="utf-8")
        beside.replace(self._marks)
        self._marked_at = monotonic()

    def finish(self) -> None:
        """It is whole: give it its name."""
        self.mark()
        self._part.rename(self.path)
        self._marks.unlink()

    def discard(self) -> None:
        """Nothing was begun: leave nothing behind, and what was there as it was."""
        if self._writer is None and self._is_mine:
            self._part.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of it."""
        if self._writer is not None:
            self._writer.close()
        self._stream.close()

    def _read(self) -> Mark | None:
        """The mark of an earlier run, if what it speaks of is there."""
        try:
            kept = json.loads(self._marks.read_bytes())
            for name in ("ends", "next"):
                kept[name] = {int(number): int(at) for number, at in kept[name].items()}
            mark = Mark(**kept)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None
        is_there = self._stream.seek(0, os.SEEK_END) >= mark.length
        return mark if is_there and mark.identity == self._identity else None
