"""What kills a worker three times is set aside, by a memory outside of it; the rest goes on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import pytest

from minuet.engines.crash_memory import DEATHS_MOST
from minuet.event.record import Record
from minuet.kafka.connection import Connection
from minuet.kafka.reading import record_of, snapshot
from tests.integration.killers import Killers

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(900)]

HOW = ("decode", "plain-exit", "thread", "async", "elsewhere")
BLOCKED_MOST_S = 120.0  # 18 s when nothing else runs: three times a session of 6 s that ends
PATIENCE_S = 240.0


def records(project: Killers) -> list[Record]:
    return [
        record_of(message) for message in snapshot(Connection(project.bootstrap), project.topic)
    ]


def letters(project: Killers) -> list[tuple[bytes, dict[str, bytes]]]:
    found = snapshot(Connection(project.bootstrap), f"{project.name}.dead-letters")
    return [(m.value() or b"", dict(cast("Any", m.headers()))) for m in found]


class Case:
    """A project of its own, with one letter that kills in this way among good ones."""

    def __init__(self, folder: Path, bootstrap: str, how: str) -> None:
        folder.mkdir()
        self.how = how
        self.project = Killers(folder, bootstrap)
        self.project.apply()
        self.project.send(**{f"good{n}": "kindly" for n in range(6)}, bad=how)
        self.worker = self.project.begin("--processes", "1")
        self.blocked_s = -1.0

    def deaths(self) -> list[dict[str, Any]]:
        """What the supervisor said of each."""
        return [line for line in self.worker.said() if line["state"] == "lost"]

    def is_over(self) -> bool:
        found = records(self.project)
        ends = {r.key for r in found if r.type == "SagaCompleted"}
        stopped = [r for r in found if r.type in ("StepGaveUp", "RecordRejected")]
        if not stopped or len(ends) < 6:
            return False
        first = min(r.time for r in found if r.type not in ("LetterSent",)) if ends else 0
        self.blocked_s = (stopped[0].time - first) / 1000
        return True


@pytest.fixture
def cases(tmp_path: Path, kafka: str) -> Iterator[list[Case]]:
    """All at once: each waits mostly for the group to notice that a member is gone."""
    with ExitStack() as stack:
        found = []
        for how in HOW:
            found.append(Case(tmp_path / how, kafka, how))
            stack.callback(found[-1].worker.end)
        yield found


def test_what_kills_three_times_is_quarantined_and_everything_else_goes_on(
    cases: list[Case],
) -> None:
    waiting, until = list(cases), time.monotonic() + PATIENCE_S
    while waiting:
        assert time.monotonic() < until, [case.how for case in waiting]
        waiting = [case for case in waiting if not case.is_over()]
        time.sleep(0.2)
    print({case.how: case.blocked_s for case in cases})  # noqa: T201
    for case in cases:
        _is_right(case)
    assert [c.how for c in cases if c.blocked_s > BLOCKED_MOST_S] == []


def _is_right(case: Case) -> None:
    project = case.project
    found = records(project)
    begin = next(r for r in found if r.key == "bad" and r.type == "LetterSent")
    (stop,) = [r for r in found if r.type in ("StepGaveUp", "RecordRejected")]
    assert (stop.key, stop.type == "RecordRejected") == ("bad", case.how == "decode")
    ((value, headers),) = letters(project)
    assert value == begin.value, case.how
    assert headers["minuet_category"] == b"poison"
    assert b"killed the process" in headers["minuet_error"]
    code, out, _ = project.run("saga", "show", project.name, "bad", "--json")
    assert (code, "killed the process" in out) == (0, True), out
    project.send(after="kindly")
    until = time.monotonic() + PATIENCE_S
    while ("after", "SagaCompleted") not in {(r.key, r.type) for r in records(project)}:
        assert time.monotonic() < until, case.how
        time.sleep(0.2)
    assert len(case.deaths()) == DEATHS_MOST
