"""Whatever bytes stand on the log: the worker lives, others go on, and nothing of it is lost."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest

from minuet.contracts.schema import fingerprint_of
from minuet.engines.units import Units
from minuet.event.record import DIGEST, ID, SCHEMA, SCHEMA_PREFIX, TYPE
from minuet.kafka.connection import Connection
from minuet.kafka.reading import record_of, snapshot
from minuet.settings.names import SCHEMAS
from tests.integration.killers import Killers
from tests.integration.refusals import Worker

pytestmark = pytest.mark.kafka

PATIENCE_S = 90.0
BLOCKED_MOST_S = 30.0  # of a partition, whatever stands in it
BILLION = b"\x80\xa8\xd6\xb9\x07"  # 10**9 as Avro writes a long
EIGHT_GIB = b"\x80\x80\x80\x80\x80\x01"[:-1] + b"\x40"
RECURSIVE = (
    '{"fields":[{"name":"of","type":["null","LetterSent"]}],"name":"LetterSent","type":"record"}'
)
NOTHINGS = (
    '{"fields":[{"name":"of","type":{"items":"null","type":"array"}}],'
    '"name":"LetterSent","type":"record"}'
)
DEEP = '{"items":' * 5_000 + '"null"' + ',"type":"array"}' * 5_000


@dataclass(frozen=True)
class Raw:
    """A record as it is given to Kafka."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]

    def having(self, name: str, content: bytes) -> Raw:
        return replace(
            self, headers=tuple((n, content if n == name else c) for n, c in self.headers)
        )

    def written_as(self, schema: str, body: bytes) -> Raw:
        assert self.value
        name = SCHEMA_PREFIX + fingerprint_of(schema).encode()
        return replace(self.having(SCHEMA, name), value=self.value[:5] + body)


Damage = Callable[[Raw], Raw]

# What the saga shows for it.
IN_ITS_SAGA: dict[str, Damage] = {
    "bad-bytes": lambda r: replace(r, value=b"\xff" * 60),
    "bad-body": lambda r: replace(r, value=(r.value or b"")[:5] + b"\xff" * 60),
    "unknown-schema": lambda r: r.having(SCHEMA, SCHEMA_PREFIX + b"0123456789abcdef"),
    "recursion": lambda r: r.written_as(RECURSIVE, b"\x02" * 5_000 + b"\x00"),
    "nothings": lambda r: r.written_as(NOTHINGS, BILLION + b"\x00"),
    "deep-schema": lambda r: r.written_as(DEEP, b"\x02" * 5_000),
    "length-of-8-gib": lambda r: replace(r, value=(r.value or b"")[:5] + EIGHT_GIB + b"x"),
    "huge": lambda r: replace(r, value=(r.value or b"") + b"\x00" * 900_000),
    "truncated": lambda r: replace(r, value=(r.value or b"")[:-3]),
    "empty-body": lambda r: replace(r, value=(r.value or b"")[:5]),
    "null-value": lambda r: replace(r, value=None),
}
# What belongs to no saga.
IN_NONE: dict[str, Damage] = {
    "schema-not-utf-8": lambda r: r.having(SCHEMA, b"\xff\xfe"),
    "key-not-utf-8": lambda r: replace(r, key=b"\xff\xfe"),
    "no-key": lambda r: replace(r, key=None),
    "no-headers": lambda r: replace(r, headers=()),
    "no-id": lambda r: replace(r, headers=tuple(h for h in r.headers if h[0] != ID)),
}


class Log:
    """The log of the project, written to without any care."""

    def __init__(self, project: Killers) -> None:
        self.project = project
        self.connection = Connection(project.bootstrap)
        self._producer = self.connection.producer()

    def good(self) -> Raw:
        """A record as it should be."""
        self.project.send(good="kindly")
        message, *_ = snapshot(self.connection, self.project.topic)
        headers = tuple((n, c) for n, c in cast("Any", message.headers()))
        return Raw(message.key(), message.value(), headers)

    def put(self, topic: str, raw: Raw) -> int:
        """Write it to partition 0 and return its offset."""
        offsets: list[int] = []
        self._producer.produce(
            topic, raw.value, raw.key, headers=list(raw.headers), partition=0,
            on_delivery=lambda _, message: offsets.append(message.offset() or 0),
        )  # fmt: skip
        assert self._producer.flush(20) == 0
        return offsets[0]

    def said(self) -> list[tuple[bytes | None, bytes]]:
        """Key and type of what stands on the log."""
        return [(r.key, dict(r.headers).get(TYPE, b"")) for r in self._all("events")]

    def letters(self) -> list[Raw]:
        """The dead letters."""
        return self._all("dead-letters")

    def seconds_to_the_end_of(self, key: bytes, offset: int) -> float:
        """How long after a record of partition 0 a saga had completed, by the log's own time."""
        found = list(snapshot(self.connection, self.project.topic))
        (began,) = [m for m in found if (m.partition(), m.offset()) == (0, offset)]
        (ended,) = [
            m
            for m in found
            if m.key() == key and dict(m.headers() or ()).get(TYPE) == b"SagaCompleted"
        ]
        return (ended.timestamp()[1] - began.timestamp()[1]) / 1000

    def _all(self, topic: str) -> list[Raw]:
        found = snapshot(self.connection, f"{self.project.name}.{topic}")
        return [
            Raw(m.key(), m.value(), tuple((n, c) for n, c in cast("Any", m.headers() or ())))
            for m in found
        ]


@pytest.fixture
def log(tmp_path: Path, kafka: str) -> Log:
    project = Killers(tmp_path, kafka)
    project.apply()
    return Log(project)


@pytest.fixture
def worker(log: Log) -> Iterator[Worker]:
    worker = log.project.begin()
    yield worker
    worker.end()


def test_nothing_on_the_log_stops_a_worker(log: Log, worker: Worker) -> None:
    good = log.good()
    for schema in (RECURSIVE, NOTHINGS, DEEP):
        log.put(SCHEMAS, Raw(fingerprint_of(schema).encode(), schema.encode(), ()))
    bad = {
        name: damage(good.having(ID, f"id-{name}".encode()).having(DIGEST, name.encode()))
        for name, damage in (IN_ITS_SAGA | IN_NONE).items()
    }
    for name in IN_ITS_SAGA:
        bad[name] = replace(bad[name], key=name.encode())
    worker.says("ready")
    offsets = {name: log.put(log.project.topic, raw) for name, raw in bad.items()}
    log.put(log.project.topic, replace(good.having(ID, b"id-after"), key=b"after"))
    _until(lambda: (b"after", b"SagaCompleted") in log.said())  # it stands behind all of them
    _until(lambda: len(log.letters()) == len(bad))
    blocked_s = log.seconds_to_the_end_of(b"after", min(offsets.values()))
    print(f"others after {blocked_s:.1f} s")  # noqa: T201
    assert blocked_s < BLOCKED_MOST_S
    assert worker.process.poll() is None
    _letters_are_whole(log, {offsets[name]: raw for name, raw in bad.items()})
    for name in IN_ITS_SAGA:
        _saga_says_why(log.project, name)


def test_what_kills_its_process_three_times_blocks_the_others_for_less_than_that(log: Log) -> None:
    project = log.project
    worker = project.begin("--processes", "1")
    try:
        worker.says("ready")
        project.send(bad="decode", **{f"good{n}": "kindly" for n in range(6)})
        _until(lambda: [event for _, event in log.said()].count(b"SagaCompleted") == 6)
        _until(lambda: (b"bad", b"RecordRejected") in log.said())
        lives = worker.process.poll() is None
    finally:
        worker.end()
    records = [record_of(m) for m in snapshot(log.connection, project.topic)]
    began = min(record.time for record in records)
    blocked_s = (max(r.time for r in records if r.type == "SagaCompleted") - began) / 1000
    print(f"others after {blocked_s:.1f} s")  # noqa: T201
    assert (lives, blocked_s < BLOCKED_MOST_S) == (True, True), blocked_s
    (begin,) = [record for record in records if (record.key, record.type) == ("bad", "LetterSent")]
    (letter,) = log.letters()
    assert (letter.key, letter.value) == (b"bad", begin.value)
    _saga_says_why(project, "bad")
    assert Units(log.connection, project.name).live() == []  # it took leave, for all its own place


def _until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.1)


def _letters_are_whole(log: Log, bad: dict[int, Raw]) -> None:
    letters = {dict(one.headers)["minuet_source"]: one for one in log.letters()}
    assert len(letters) == len(bad)
    for offset, raw in bad.items():
        letter = letters[f"{log.project.topic}/0/{offset}".encode()]
        assert (letter.key, letter.value) == (raw.key or b"", raw.value)
        kept = dict(letter.headers)
        assert kept["minuet_error"]
        assert {n: kept[n] for n, _ in raw.headers if n in _KEPT} == {
            n: content for n, content in raw.headers if n in _KEPT
        }


_KEPT = (ID, SCHEMA, DIGEST)


def _saga_says_why(project: Killers, name: str) -> None:
    code, out, errors = project.typed("saga", "show", project.name, name, "--json")
    assert code == 0, errors
    (incident,) = json.loads(out)["incidents"]
    assert (incident["kind"], bool(incident["reason"])) == ("rejected", True), name
