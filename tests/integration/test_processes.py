"""Children that start, are started again, and are stopped together."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from minuet.cli.processes import Died, Processes
from minuet.cli.restarts import GiveUp


def child(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_killed_child_is_started_again(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    code = (
        "import os, pathlib, signal\n"
        f"flag = pathlib.Path({str(flag)!r})\n"
        "if flag.exists(): raise SystemExit(2)\n"
        "flag.touch(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    with Processes([child(code)]) as processes:
        first, second = processes.wait()
    assert (first.number, first.code, first.again) == (1, 137, 0.5)
    assert (second.number, second.code, isinstance(second.again, GiveUp)) == (1, 2, True)
    assert (processes.code, processes.running, processes.stopping) == (2, 0, True)


def test_when_one_is_given_up_the_others_are_stopped() -> None:
    commands = [child("raise SystemExit(2)"), child("import time; time.sleep(60)")]
    with Processes(commands) as processes:
        (died,) = processes.wait()
    assert isinstance(died, Died)
    assert (isinstance(died.again, GiveUp), processes.code) == (True, 2)


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


@pytest.mark.parametrize(("number", "code"), [("SIGTERM", "0"), ("SIGINT", "130")])
def test_a_signal_goes_on_to_each_child_and_ctrl_c_is_told_apart(number: str, code: str) -> None:
    text = PARENT.replace("CHILD", repr(SLEEPS)).replace("NUMBER", number)
    done = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() == code


ORPHAN = """
import os, signal, subprocess, sys, time
hangs = "from minuet.cli.processes import leave_with; leave_with(%d)\\nwhile True: pass"
child = subprocess.Popen([sys.executable, "-c", hangs % os.getpid()])
print(child.pid, flush=True)
time.sleep(60)
"""


def test_a_child_whose_parent_was_killed_leaves_by_itself() -> None:
    with subprocess.Popen(child(ORPHAN), stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        time.sleep(0.2)  # it looks for its parent by now, or will
        parent.kill()
    until = time.monotonic() + 60
    while _lives(pid):
        assert time.monotonic() < until
        time.sleep(0.05)


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
