"""Children that start, end and are stopped together."""

from __future__ import annotations

import subprocess
import sys

from minuet.cli.processes import Processes


def child(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_the_worst_exit_code_counts() -> None:
    with Processes([child(""), child("raise SystemExit(3)")]) as processes:
        ended = dict(processes.wait())
    assert ended == {1: 0, 2: 3}
    assert (processes.code, processes.stopping, processes.running) == (3, False, 0)


def test_a_killed_child_has_a_shell_s_exit_code() -> None:
    kill = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    with Processes([child(kill)]) as processes:
        assert dict(processes.wait()) == {1: 137}


# A parent that is stopped as soon as its children live.
PARENT = """
import os, signal, sys
from minuet.cli.processes import Processes

child = [sys.executable, "-c", CHILD]
with Processes([child, child]) as processes:
    os.kill(os.getpid(), signal.NUMBER)
    list(processes.wait())
print(processes.code)
"""
SLEEPS = "import time; time.sleep(60)"


def stopped_by(number: str, code: str) -> str:
    text = PARENT.replace("CHILD", repr(code)).replace("NUMBER", number)
    done = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, timeout=30, check=True
    )
    return done.stdout.strip()


def test_sigterm_goes_on_to_each_child_and_is_no_error() -> None:
    assert stopped_by("SIGTERM", SLEEPS) == "0"


def test_ctrl_c_is_told_apart() -> None:
    assert stopped_by("SIGINT", SLEEPS) == "130"
