"""What kills a worker three times is set aside, by a memory outside of it; the rest goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import pytest

from minuet.engines.crash_memory import DEATHS_MOST
from minuet.event.record import Record
from minuet.kafka.connection import Connection
from minuet.kafka.reading import record_of, snapshot
from tests.integration.killers import Killers
from tests.integration.refusals import Worker

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(900)]

HOW = ("decode", "plain-exit", "thread", "async", "elsewhere")
GOOD = 6
BLOCKED_MOST_S = 30.0
PATIENCE_S = 120.0
STOPS = ("StepGaveUp", "RecordRejected")


@dataclass
class Place:
    """A project whose only worker is killed again and again."""

    project: Killers
    worker: Worker

    def records(self) -> list[Record]:
        """All that stands on the log."""
        connection = Connection(self.project.bootstrap)
        return [record_of(message) for message in snapshot(connection, self.project.topic)]

    def completed(self, prefix: str) -> int:
        """How many sagas of such names have completed."""
        return sum(r.type == "SagaCompleted" and r.key.startswith(prefix) for r in self.records())

    def letter(self, key: str) -> tuple[bytes, dict[str, bytes]]:
        """The only dead letter of a saga."""
        topic = f"{self.project.name}.dead-letters"
        found = snapshot(Connection(self.project.bootstrap), topic)
        (letter,) = [message for message in found if message.key() == key.encode()]
        return letter.value() or b"", dict(cast("Any", letter.headers()))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, kafka: str) -> Iterator[Place]:
    project = Killers(tmp_path_factory.mktemp("killers"), kafka)
    project.apply()
    worker = project.begin("--processes", "1")
    worker.says("ready")
    yield Place(project, worker)
    worker.end()


def _until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.2)


@pytest.mark.parametrize("how", HOW)
def test_what_kills_three_times_is_quarantined_and_everything_else_goes_on(
    how: str, place: Place
) -> None:
    project, bad = place.project, f"bad-{how}"
    place.worker.said()
    project.send(**{bad: how, **{f"good-{how}-{n}": "kindly" for n in range(GOOD)}})
    _until(lambda: any(r.key == bad and r.type in STOPS for r in place.records()))
    _until(lambda: place.completed(f"good-{how}-") == GOOD)
    found = [r for r in place.records() if how in r.key]
    (stop,) = [r for r in found if r.type in STOPS]
    assert (stop.key, stop.type == "RecordRejected") == (bad, how == "decode")
    began = min(record.time for record in found)
    ended = max(r.time for r in found if r.type in ("SagaCompleted", *STOPS))
    print(f"{how}: others after {(ended - began) / 1000:.1f} s")  # noqa: T201
    assert (ended - began) / 1000 < BLOCKED_MOST_S
    assert [line["state"] for line in place.worker.said()].count("lost") == DEATHS_MOST
    (begin,) = [r for r in found if (r.key, r.type) == (bad, "LetterSent")]
    value, headers = place.letter(bad)
    assert (value, headers["minuet_category"]) == (begin.value, b"poison")
    assert b"killed the process" in headers["minuet_error"]
    code, out, _ = project.typed("saga", "show", project.name, bad, "--json")
    assert (code, "killed the process" in out) == (0, True), out
    project.send(**{f"after-{how}": "kindly"})
    _until(lambda: place.completed(f"after-{how}") == 1)
