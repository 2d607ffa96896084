"""How far a file is published, kept beside the project, so that a second run goes on there.

A mark says: all lines up to this one are acknowledged, or were refused. It is written only when
that is so, and believed only if the file still begins with the same bytes. Losing it is harmless,
for what is sent again has the same ids and changes nothing; it only costs the sending.
"""

from __future__ import annotations

import json
import os
from collections import deque
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from time import monotonic
from typing import BinaryIO, Protocol

_EVERY_S = 0.1  # what is sent again after a kill is what was sent in this time
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Mark:
    """A place in the input.

    Args:
        line: the last one that needs nothing more.
        accepted: lines up to it that are events to be sent.
        position: bytes of the input up to it.
    """

    line: int = 0
    accepted: int = 0
    position: int = 0


class Marks(Protocol):
    """Remembers how far an input is done."""

    @property
    def begun(self) -> Mark:
        """How far an earlier run came."""
        ...

    def look(self, line: int, accepted: int, under_way: int | None, *, now: bool = False) -> None:
        """Note how far the input is read, and write down how far it is done.

        Args:
            line: the last one taken.
            accepted: of the lines up to it.
            under_way: the first line that is not acknowledged; None when there is none.
            now: write also if the last time was a moment ago.
        """
        ...

    def forget(self) -> None:
        """The input is done."""
        ...


class Journal:
    """Keeps the marks of one input; `begun` is the one of an earlier run that did not end.

    Args:
        file: where they are kept; its folder is made.
        stream: the input, a regular file at its beginning.
    """

    def __init__(self, file: Path, stream: BinaryIO) -> None:
        self.begun = Mark()
        self.changed = False  # there is a mark, of a file that began otherwise
        self._file, self._stream = file, stream
        self._digest, self._hashed = blake2b(digest_size=16), 0
        self._waiting: deque[Mark] = deque()
        self._done: Mark | None = None  # and not written yet
        self._next_write = 0.0
        file.parent.mkdir(parents=True, exist_ok=True)
        self._read()

    def look(self, line: int, accepted: int, under_way: int | None, *, now: bool = False) -> None:
        """Keep a mark; see `Marks.look`."""
        if line > self.begun.line:
            self._waiting.append(Mark(line, accepted, self._stream.tell()))
        while self._waiting and (under_way is None or self._waiting[0].line < under_way):
            self._done = self._waiting.popleft()
        at = monotonic()
        if self._done is not None and (now or at >= self._next_write):
            self._next_write = at + _EVERY_S
            self._write(self._done)
            self._done = None

    def forget(self) -> None:
        """The input is done: the next run begins at the first line again."""
        self._file.unlink(missing_ok=True)

    def _read(self) -> None:
        try:
            kept = json.loads(self._file.read_bytes())
            mark, digest = Mark(**kept["mark"]), str(kept["digest"])
        except (OSError, ValueError, TypeError, KeyError):
            return  # none, or cut short by a crash of the machine
        self._hash_to(mark.position)
        if self._hashed == mark.position and self._digest.hexdigest() == digest:
            self.begun = mark
        else:
            self.changed = True
            self._digest, self._hashed = blake2b(digest_size=16), 0

    def _write(self, mark: Mark) -> None:
        self._hash_to(mark.position)
        if self._hashed != mark.position:
            return  # the file became shorter meanwhile
        kept = {"mark": asdict(mark), "digest": self._digest.hexdigest()}
        beside = self._file.with_suffix(f".{os.getpid()}")
        with suppress(OSError):  # a full disk costs the resuming, not the publishing
            beside.write_text(json.dumps(kept), encoding="utf-8")
            beside.replace(self._file)

    def _hash_to(self, position: int) -> None:
        """Take the bytes up to there into the digest; reads beside the stream's own position."""
        while self._hashed < position:
            size = min(_BLOCK, position - self._hashed)
            block = os.pread(self._stream.fileno(), size, self._hashed)
            if not block:
                return
            self._digest.update(block)
            self._hashed += len(block)


def place(folder: Path, *identity: str) -> Path:
    """Where the marks are kept of an input with this identity: all that decides what is sent."""
    name = blake2b(ascii(identity).encode(), digest_size=16).hexdigest()
    return folder / f"{name}.json"
