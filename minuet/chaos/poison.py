"""Records that nobody can read, each under a key of its own, and what must come of them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, cast

from minuet.event.record import Headers
from minuet.kafka.connection import Connection
from minuet.kafka.reading import snapshot
from minuet.spec.model import Spec

_FLUSH_S = 30.0
_GARBAGE = b"\xff" * 60
_FRAME = 5  # bytes before the body of a value


@dataclass(frozen=True)
class Poisoned:
    """A record that nobody can read, as it stands on the log.

    `value` is in hex, None where there is none; `saga`: whether it has a saga, as its headers say.
    """

    key: str
    value: str | None
    partition: int
    offset: int
    saga: bool


class Poison:
    """Writes records that cannot be read, and notes them in a file, a line for each.

    Args:
        connection: where Kafka is.
        spec: of the workflow.
        file: which outlives this process.
        dice: what is wrong with a record.
    """

    def __init__(self, connection: Connection, spec: Spec, file: Path, dice: random.Random) -> None:
        self._connection = connection
        self._spec = spec
        self._file = file
        self._dice = dice
        self._producer = connection.producer()
        self._headers: Headers = []
        self._value = b""

    def put(self) -> str:
        """Write one that has a saga and one that has none; empty when Kafka takes none."""
        if not self._headers and not self._learn():
            return ""
        number = self._dice.randrange(1 << 40)
        bad = (_GARBAGE, self._value[:_FRAME] + _GARBAGE, self._value[:_FRAME], None)
        headers = [
            (n, f"poison-{number}".encode() if n == "ce_id" else c) for n, c in self._headers
        ]
        self._write(f"poison-{number}", self._dice.choice(bad), headers)
        self._write(f"poison-{number}-bare", self._dice.choice(bad), [])
        return "" if self._producer.flush(_FLUSH_S) else f"the log, under poison-{number}"

    def _learn(self) -> bool:
        """Take the first record as the pattern: it begins a saga."""
        first = next(islice(snapshot(self._connection, self._spec.log_topic), 1), None)
        if first is None:
            return False
        self._headers = [(n, c or b"") for n, c in cast("Any", first.headers() or ())]
        self._value = first.value() or b""
        return True

    def _write(self, key: str, value: bytes | None, headers: Headers) -> None:
        wanted = Poisoned(key, None if value is None else value.hex(), 0, 0, bool(headers))

        def acked(error: object, message: Any) -> None:
            if error is None:
                self._note(replace(wanted, partition=message.partition(), offset=message.offset()))

        self._producer.produce(
            self._spec.log_topic, value, key, headers=cast("Any", headers), on_delivery=acked
        )

    def _note(self, one: Poisoned) -> None:
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(one)) + "\n")


def poisoned(file: Path) -> list[Poisoned]:
    """Read what was written, from the file."""
    if not file.exists():
        return []
    return [Poisoned(**json.loads(line)) for line in file.read_text("utf-8").splitlines()]


@dataclass(frozen=True)
class Letter:
    """A dead letter."""

    key: bytes
    value: bytes | None
    headers: Mapping[str, bytes]


def letters(connection: Connection, spec: Spec) -> dict[str, list[Letter]]:
    """Read the dead letters, by where the record stands that they are about."""
    found: dict[str, list[Letter]] = {}
    for message in snapshot(connection, spec.dead_letter_topic):
        headers = {n: c or b"" for n, c in cast("Any", message.headers() or ())}
        letter = Letter(message.key() or b"", message.value(), headers)
        found.setdefault(headers.get("minuet_source", b"").decode(), []).append(letter)
    return found


def judge_poison(
    spec: Spec,
    poison: Sequence[Poisoned],
    letters: Mapping[str, Sequence[Letter]],
    rejected: Mapping[str, int],
) -> Iterator[str]:
    """Yield what must not be: each has one dead letter, with its bytes, and its saga says why.

    Args:
        spec: of the workflow.
        poison: what was written.
        letters: by where the record stands; one that was written twice has its id twice.
        rejected: how many `RecordRejected` stand on the log, by saga.
    """
    for one in poison:
        there = letters.get(f"{spec.log_topic}/{one.partition}/{one.offset}", ())
        if not there:
            yield f"{one.key}: it cannot be read, and has no dead letter"
        if len({letter.headers.get("minuet_letter") for letter in there}) > 1:
            yield f"{one.key}: it has several dead letters"
        wanted = None if one.value is None else bytes.fromhex(one.value)
        if any((letter.key, letter.value) != (one.key.encode(), wanted) for letter in there):
            yield f"{one.key}: its dead letter has other bytes"
        if rejected.get(one.key, 0) != one.saga:
            yield f"{one.key}: the log says {rejected.get(one.key, 0)} times that it was rejected"
