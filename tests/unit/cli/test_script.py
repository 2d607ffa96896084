"""The end of a process of ours: all is said, and nothing is taken down around its threads."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.installed import ROOT

# What is taken down says so; who has something to put away does it; a thread never ends.
CHILD = """
import atexit, os, sys, threading, time
from minuet.cli import main as command

class Kept:
    def __del__(self, write=os.write):
        write(2, b"taken down\\n")

kept = Kept()
atexit.register(lambda: print("put away"))
threading.Thread(target=time.sleep, args=(60,), daemon=True).start()

def typed():
    print("said")
    END

command.main = typed
command.script()
"""


@pytest.mark.parametrize(
    ("end", "code", "told"),
    [
        ("pass", 0, ""),
        ("sys.exit(3)", 3, ""),
        ("sys.exit(None)", 0, ""),
        ("sys.exit('why')", 1, ""),
        ("raise RuntimeError('why')", 1, "RuntimeError: why"),
    ],
)
def test_a_process_says_all_and_is_gone(end: str, code: int, told: str) -> None:
    command = [sys.executable, "-c", CHILD.replace("END", end)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert done.stdout == "said\nput away\n"
    assert told in done.stderr
    assert "taken down" not in done.stderr


def test_ctrl_c_at_the_very_end_changes_nothing() -> None:
    late = "atexit.register(lambda: os.kill(os.getpid(), 2))"
    command = [sys.executable, "-c", CHILD.replace("END", late)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "said\nput away\n"


def test_an_interpreter_that_is_taken_down_would_have_said_so() -> None:
    child = CHILD.replace("END", "pass").replace("command.script()", "typed()")
    done = subprocess.run(
        [sys.executable, "-c", child], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "taken down" in done.stderr
