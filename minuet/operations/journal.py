"""Writes an operation down: before anything is done, and when it ends."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from time import time_ns
from typing import Any
from uuid import uuid4

from minuet.contracts.codec import Codec
from minuet.errors import BrokerError
from minuet.event.ids import derive
from minuet.event.model import Event
from minuet.event.record import BY, DIGEST, REASON, SCHEMA, base_headers
from minuet.kafka.connection import Connection
from minuet.kafka.reading import partitions
from minuet.kafka.registry import TopicRegistry
from minuet.kafka.writer import Place, WriteError, Writer
from minuet.operations.model import EVENTS, LetterDiscarded, OperationBegan, OperationEnded
from minuet.spec.model import Spec

_ACK_MS = 20_000


@dataclass(frozen=True, slots=True)
class Operation:
    """One that is under way."""

    id: str
    kind: str
    by: str
    why: str


class Journal:
    """The operations of one workflow, for who writes them.

    Args:
        connection: where Kafka is.
        spec: of the workflow.

    Raises:
        BrokerError: Kafka cannot be reached.
        UsageError: there is no topic of operations: `minuet topics apply` makes it.
    """

    def __init__(self, connection: Connection, spec: Spec) -> None:
        partitions(connection, spec.operations_topic)
        self._bootstrap = connection.bootstrap
        self._codec = Codec(EVENTS, TopicRegistry(connection, spec.schema_topic))
        self._source = f"/minuet/{spec.name}/operations".encode()
        self._writer = Writer(
            connection, spec.operations_topic,
            **{"message.timeout.ms": _ACK_MS, "linger.ms": 5},
        )  # fmt: skip

    def begin(self, kind: str, by: str, why: str, asked: Mapping[str, Any]) -> Operation:
        """Write that something begins; it stands there when this returns.

        Args:
            kind: in one word, as `redrive`.
            by: who wants it.
            why: the reason.
            asked: what was asked for, to be kept as JSON.

        Raises:
            BrokerError: it was not acknowledged: nothing may be done.
        """
        operation = Operation(str(uuid4()), kind, by, why)
        text = json.dumps(asked, default=str)
        self._write(
            operation,
            [OperationBegan(operation=operation.id, kind=kind, by=by, reason=why, asked=text)],
        )
        return operation

    def end(self, operation: Operation, result: str, counts: Mapping[str, int]) -> None:
        """Write that it ended: `done`, `interrupted` or `failed`, and what was counted.

        Raises:
            BrokerError: it was not acknowledged.
        """
        self._write(
            operation,
            [
                OperationEnded(
                    operation=operation.id, kind=operation.kind, result=result,
                    counts=json.dumps(counts),
                )
            ],
        )  # fmt: skip

    def discard(self, operation: Operation, letters: Iterable[str]) -> None:
        """Write that these dead letters, by their ids, are dealt with.

        Raises:
            BrokerError: not all were acknowledged; doing it again adds what is missing.
        """
        self._write(
            operation,
            (
                LetterDiscarded(
                    operation=operation.id, letter=each, by=operation.by, reason=operation.why
                )
                for each in letters
            ),
        )

    def _write(self, operation: Operation, events: Iterable[Event]) -> None:
        wrong: list[WriteError] = []

        def done(result: Place | WriteError) -> None:
            if isinstance(result, WriteError):
                wrong.append(result)

        for event in events:
            about = event.letter if isinstance(event, LetterDiscarded) else operation.id
            self._append(operation, event, about, done)
        left = self._writer.flush(_ACK_MS / 1000)
        if wrong:
            raise wrong[0]
        if left:
            message = f"Kafka at {self._bootstrap}: {self._writer.topic} does not acknowledge"
            raise BrokerError(message)

    def _append(self, operation: Operation, event: Event, about: str, done: Any) -> None:
        kind = type(event).__name__
        encoded = self._codec.encode(event)
        headers = base_headers(
            derive("operation", kind, about), kind, self._source, time_ns() // 1_000_000
        )
        headers += [(SCHEMA, encoded.schema), (DIGEST, encoded.digest)]
        headers += [(BY, operation.by.encode()), (REASON, operation.why.encode(errors="replace"))]
        self._writer.hand_over(operation.id.encode(), encoded.value, [*headers], done)
