"""Whom the crew starts again, and whose end is a failure of the run."""

from __future__ import annotations

import signal
from typing import Any, cast

import pytest

from minuet.chaos.crew import Crew
from minuet.children import NOT_LET_IN, NOT_LET_ON, Children
from minuet.errors import MinuetError

KILLED = -signal.SIGKILL
NO_KAFKA = 1


class Processes:
    """What `Children` would be with processes; here the test says which have ended."""

    def __init__(self) -> None:
        self.codes: dict[str, int] = {}
        self.running: list[str] = []

    def start(self, name: str, *_: str, **__: Any) -> None:
        self.codes.pop(name, None)
        self.running.append(name)

    def stop(self, *names: str) -> None:
        for name in names:
            if self.codes.pop(name, None) is None:  # it may have ended, as a process may
                self.running.remove(name)

    def end(self, name: str, code: int) -> None:
        self.running.remove(name)
        self.codes[name] = code

    def ended(self) -> dict[str, int]:
        return dict(self.codes)

    def check(self) -> None:
        message = "a child has ended"
        raise MinuetError(message)

    def said(self, name: str, state: str) -> list[dict[str, Any]]:
        return [{"pid": 1}] if state == "ready" else []

    def wait(self, *_: Any) -> None: ...


@pytest.fixture
def processes() -> Processes:
    return Processes()


def crew(processes: Processes, *, supervised: bool = False) -> Crew:
    made = Crew(cast(Children, processes), ("worker",), {}, 2, supervised=supervised)
    made.start()
    return made


def test_a_worker_that_was_killed_is_started_again(processes: Processes) -> None:
    workers = crew(processes)
    processes.end("worker 2", KILLED)
    workers.look()
    assert processes.running == ["worker 1", "worker 2"]


@pytest.mark.parametrize(("code", "supervised"), [(NO_KAFKA, False), (2, False), (KILLED, True)])
def test_what_ends_by_itself_ends_the_run(
    processes: Processes, code: int, *, supervised: bool
) -> None:
    workers = crew(processes, supervised=supervised)
    processes.end("worker 1", code)
    with pytest.raises(MinuetError, match="a child has ended"):
        workers.look()


@pytest.mark.parametrize("code", [NO_KAFKA, NOT_LET_IN, NOT_LET_ON])
@pytest.mark.parametrize("supervised", [False, True])
def test_an_end_without_kafka_is_excused_when_kafka_was_hit(
    processes: Processes, code: int, *, supervised: bool
) -> None:
    workers = crew(processes, supervised=supervised)
    processes.end("worker 1", code)
    workers.look(kafka_was_hit=True)
    assert sorted(processes.running) == ["worker 1", "worker 2"]


def test_the_shop_is_excused_by_nothing(processes: Processes) -> None:
    workers = crew(processes)
    processes.start("shop")
    processes.end("shop", NO_KAFKA)
    with pytest.raises(MinuetError, match="a child has ended"):
        workers.look(kafka_was_hit=True)


def test_one_worker_more_that_was_killed_is_not_started_again(processes: Processes) -> None:
    workers = crew(processes)
    name = workers.grow(seconds=1_000.0)
    processes.end(name, KILLED)
    workers.look()
    assert (processes.running, processes.codes) == (["worker 1", "worker 2"], {})
    workers.heal()  # what was to stop it later finds nothing
    assert not workers.busy


def names(processes: Processes) -> list[str]:
    return sorted(processes.running)


@pytest.mark.parametrize("supervised", [False, True])
def test_a_storm_has_fewer_and_more_workers_and_then_those_of_before(
    processes: Processes, *, supervised: bool
) -> None:
    workers = crew(processes, supervised=supervised)
    assert workers.storm(0.0) == "1, 4, 2, 6, 2 workers"
    assert (workers.busy, workers.settled) == (True, False)
    counts = []
    while workers.busy:
        workers.look()
        counts.append(len(processes.running))
    assert counts == [1, 4, 2, 6, 2]
    assert names(processes) == ["worker 1", "worker 2"]
    assert workers.settled


def test_a_storm_that_is_broken_off_leaves_those_of_before(processes: Processes) -> None:
    workers = crew(processes)
    workers.storm(4_000.0)
    workers.look()
    assert names(processes) == ["worker 1"]
    workers.heal()
    assert names(processes) == ["worker 1", "worker 2"]
    assert not workers.busy


def test_who_is_killed_in_a_storm_is_started_again(processes: Processes) -> None:
    workers = crew(processes)
    workers.storm(4_000.0)
    workers.look()
    processes.end("worker 1", KILLED)
    workers.look()
    assert names(processes) == ["worker 1"]


def test_one_worker_more_stays_from_when_it_is_ready(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers = crew(processes)
    monkeypatch.setattr(processes, "said", lambda *_: [])
    name = workers.grow(seconds=0.0)
    for _ in range(5):  # it is still starting, and a machine may be busy
        workers.look()
    assert (workers.busy, name in processes.running) == (True, True)
    monkeypatch.undo()
    while workers.busy:
        workers.look()
    assert names(processes) == ["worker 1", "worker 2"]


def test_one_worker_more_is_gone_at_once_when_all_is_mended(processes: Processes) -> None:
    workers = crew(processes)
    workers.grow(seconds=1_000.0)
    workers.heal()
    assert names(processes) == ["worker 1", "worker 2"]
    assert not workers.busy
