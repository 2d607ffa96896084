"""A redrive that did not come to its end is gone on with: what it has done counts for its limit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from minuet.event.person import Person
from minuet.event.record import LETTER, OPERATION, UnreadableHeaders
from minuet.kafka.connection import Connection
from minuet.kafka.picking import since
from minuet.kafka.reading import record_of, snapshot
from minuet.operations.journal import Operation
from minuet.operations.reading import Done, operations
from minuet.spec.model import Spec

KIND = "redrive"
_APART_MS = 600_000  # clocks: of who began it, and of the broker
_PER_RUN = ("rate", "letters")

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Unfinished:
    """One that was broken off; `letters`: how many it has taken up."""

    operation: Operation
    letters: int


def unfinished(
    connection: Connection, spec: Spec, asked: Mapping[str, Any], who: Person, progress: Progress
) -> Unfinished | None:
    """The last redrive of the same person, for the same reason, by the same words, if it is open.

    Args:
        connection: where Kafka is.
        spec: of the workflow.
        asked: what was typed, as an operation has it.
        who: asks, and why.
        progress: told how much is read, and of how much.

    Raises:
        BrokerError: Kafka cannot be reached.
        UsageError: a topic is missing.
    """
    same = (each for each in operations(connection, spec) if _is_same(each, asked, who))
    last = next(same, None)
    if last is None or last.result == "done":
        return None
    operation = Operation(last.id, KIND, last.by, last.why)
    return Unfinished(operation, _taken(connection, spec, last, progress))


def _is_same(done: Done, asked: Mapping[str, Any], who: Person) -> bool:
    def words(said: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in said.items() if name not in _PER_RUN}

    mine = (KIND, who.by, who.why, words(asked))
    return (done.kind, done.by, done.why, words(done.asked)) == mine


def _taken(connection: Connection, spec: Spec, done: Done, progress: Progress) -> int:
    """How many letters have an event of the operation on the log."""
    began_ms = int(datetime.fromisoformat(done.began).timestamp() * 1000)
    start = since(connection, spec.log_topic, began_ms - _APART_MS)
    found: set[str] = set()
    for number, message in enumerate(snapshot(connection, spec.log_topic, start)):
        if number % 2_000 == 0:
            progress(number, 0)
        try:
            record = record_of(message)
        except UnreadableHeaders:
            continue
        if record.headers.get(OPERATION) == done.id.encode():
            found.add(record.text(LETTER))
    return len(found)
