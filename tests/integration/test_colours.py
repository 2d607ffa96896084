"""Colours are for terminals; the environment may say that it wants none there either."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

COLOUR = re.compile(rb"\x1b\[[\d;]*(?:3[0-7]|9[0-7])[\d;]*m")
HELP = [sys.executable, "-m", "minuet", "verify", "--help"]
WRONG = [sys.executable, "-m", "minuet", "verify"]
CLEAN = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "CI")}


def on_a_terminal(command: list[str], folder: Path, **variables: str) -> bytes:
    """What a command prints on a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs,
        env={**CLEAN, "TERM": "xterm-256color", **variables},
    )  # fmt: skip
    os.close(theirs)
    said = b""
    try:
        while part := os.read(ours, 65536):
            said += part
    except OSError:  # so a terminal says that nobody holds its other end
        pass
    finally:
        os.close(ours)
        process.wait()
    return said


@pytest.mark.parametrize("command", [HELP, WRONG], ids=["help", "error"])
def test_colours_on_a_terminal_only_and_not_where_no_color_is_set(
    command: list[str], tmp_path: Path
) -> None:
    piped = subprocess.run(command, cwd=tmp_path, env=CLEAN, capture_output=True, check=False)
    assert b"\x1b" not in piped.stdout + piped.stderr
    assert COLOUR.search(on_a_terminal(command, tmp_path))
    assert not COLOUR.search(on_a_terminal(command, tmp_path, NO_COLOR="1"))
