from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from minuet.dev import process
from minuet.dev.process import Process

WAITS = "import sys, signal; print('here', flush=True); signal.pause()"
STUBBORN = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('here', flush=True)\n"
    "while True: signal.pause()"
)


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Process]:
    started = process.start([sys.executable, "-c", WAITS, "marker"], "marker", tmp_path / "log")
    yield started
    started.stop(10)


def test_a_process_is_known_until_it_is_stopped(sleeper: Process) -> None:
    assert sleeper.is_alive()
    sleeper.stop(10)
    assert not sleeper.is_alive()


def test_it_has_a_session_of_its_own_so_that_ctrl_c_does_not_reach_it(sleeper: Process) -> None:
    assert os.getsid(sleeper.pid) == sleeper.pid


def test_what_it_prints_goes_to_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    printer = process.start([sys.executable, "-c", "print('out'); 1/0"], "", log)
    assert printer._ends_within(10)
    assert "out" in log.read_text(encoding="utf-8")
    assert "ZeroDivisionError" in log.read_text(encoding="utf-8")


def test_one_that_does_not_want_to_end_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    stubborn = process.start([sys.executable, "-c", STUBBORN], "", log)
    while "here" not in log.read_text(encoding="utf-8"):
        assert stubborn.is_alive()
    stubborn.stop(0.2)
    assert not stubborn.is_alive()


def test_a_pid_given_to_another_process_since_is_left_alone() -> None:
    with subprocess.Popen([sys.executable, "-c", WAITS, "marker"], stdout=subprocess.PIPE) as other:
        assert other.stdout
        other.stdout.readline()
        for claim in (
            Process(other.pid, "another start time", "marker"),
            replace(seen(other.pid), marker="another command line"),
        ):
            assert not claim.is_alive()
            claim.stop(10)
        assert other.poll() is None
        other.send_signal(signal.SIGTERM)


def test_one_that_ended_by_itself_is_dead_though_nobody_waited_for_it(tmp_path: Path) -> None:
    short = process.start([sys.executable, "-c", ""], "", tmp_path / "log")
    assert short._ends_within(10)
    with pytest.raises(ChildProcessError):
        os.waitpid(short.pid, os.WNOHANG)


def seen(pid: int) -> Process:
    found = process._look(pid)
    assert found
    return Process(pid, found.started, "marker")
