"""What was done: the operations of a workflow, and the dead letters that persons dealt with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from minuet.contracts.codec import Codec
from minuet.errors import UnreadableValue
from minuet.event.record import SCHEMA, Record, UnreadableHeaders, timestamp
from minuet.kafka.connection import Connection
from minuet.kafka.reading import record_of, snapshot
from minuet.kafka.registry import TopicRegistry
from minuet.operations.model import EVENTS, LetterDiscarded, OperationBegan, OperationEnded
from minuet.spec.model import Spec


@dataclass(slots=True)
class Done:
    """An operation as it stands.

    Args:
        result: `done`, `interrupted`, `failed`; or `open`: it goes on, or was killed.
        discarded: how many dead letters it dealt with.
    """

    id: str
    kind: str
    by: str
    why: str
    began: str
    asked: dict[str, Any]
    ended: str = ""
    result: str = "open"
    counts: dict[str, int] = field(default_factory=dict)
    discarded: int = 0


@dataclass(frozen=True, slots=True)
class Discarded:
    """Who dealt with a dead letter, and why."""

    letter: str
    operation: str
    by: str
    why: str
    at: str


def operations(connection: Connection, spec: Spec) -> list[Done]:
    """Return every operation, the youngest first.

    Raises:
        BrokerError: Kafka cannot be reached.
        UsageError: there is no topic of operations.
    """
    found: dict[str, Done] = {}
    for record, event in _events(connection, spec):
        at = timestamp(record.time).decode()
        if isinstance(event, OperationBegan):
            found.setdefault(
                event.operation,
                Done(event.operation, event.kind, event.by, event.reason, at, _object(event.asked)),
            )
        elif isinstance(event, OperationEnded) and (one := found.get(event.operation)):
            one.ended, one.result, one.counts = at, event.result, _object(event.counts)
        elif isinstance(event, LetterDiscarded) and (one := found.get(event.operation)):
            one.discarded += 1
    return sorted(found.values(), key=lambda each: each.began, reverse=True)


def discarded(connection: Connection, spec: Spec) -> dict[str, Discarded]:
    """Return the dead letters that were dealt with, by their ids; of two persons the first.

    Raises:
        BrokerError: Kafka cannot be reached.
        UsageError: there is no topic of operations.
    """
    found: dict[str, tuple[int, Discarded]] = {}
    for record, event in _events(connection, spec):
        if isinstance(event, LetterDiscarded):
            known = found.get(event.letter)
            if known is None or record.time < known[0]:
                at = timestamp(record.time).decode()
                said = Discarded(event.letter, event.operation, event.by, event.reason, at)
                found[event.letter] = record.time, said
    return {letter: said for letter, (_, said) in found.items()}


def _events(
    connection: Connection, spec: Spec
) -> Iterator[tuple[Record, OperationBegan | OperationEnded | LetterDiscarded]]:
    """Each record that can be read; what somebody else wrote there is nothing to us."""
    codec = Codec(EVENTS, TopicRegistry(connection, spec.schema_topic))
    for message in snapshot(connection, spec.operations_topic):
        try:
            record = record_of(message)
            event = codec.decode(record.type, record.headers.get(SCHEMA, b""), record.value)
        except (UnreadableHeaders, UnreadableValue):
            continue
        if isinstance(event, EVENTS):
            yield record, event


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
