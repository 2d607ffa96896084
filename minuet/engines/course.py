"""The course of a simulated run: noted as it happens, told and digested when somebody asks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b

from minuet.event.record import TYPE, Headers


@dataclass(slots=True)  # nobody changes one, but freezing them all takes its time
class Stored:
    """A record as it stands in a partition."""

    partition: int
    offset: int
    time: int
    key: bytes
    value: bytes | None
    headers: Headers


class Course:
    """Everything that happened in a run, in its order."""

    def __init__(self) -> None:
        self._noted: list[tuple[int, str, Stored | None]] = []

    def note(self, at_ms: int, what: str) -> None:
        """Note what happened to a worker or a group."""
        self._noted.append((at_ms, what, None))

    def stored(self, topic: str, record: Stored) -> None:
        """Note that a record was written."""
        self._noted.append((record.time, topic, record))

    def notes(self) -> Iterator[tuple[int, str]]:
        """Yield what happened to workers and groups, each with its time."""
        for at_ms, what, record in self._noted:
            if record is None:
                yield at_ms, what

    def lines(self) -> Iterator[str]:
        """Yield a line for each thing that happened: ms since 1970, and what."""
        for at_ms, what, record in self._noted:
            yield f"{at_ms} {what if record is None else _line(what, record)}"

    def digest(self) -> str:
        """Return a digest of all that was written, and of the order in which all happened."""
        written = blake2b(digest_size=16)
        for at_ms, what, record in self._noted:
            written.update(f"{at_ms} {what} {record!r}\n".encode())
        return written.hexdigest()


def _line(topic: str, record: Stored) -> str:
    kind = dict(record.headers).get(TYPE, b"").decode()
    key = record.key.decode(errors="replace")
    return f"{topic}/{record.partition}/{record.offset} {key} {kind}"
