"""A promise in seconds, on a machine that may be busy with something else."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

WITHIN_S = 15.0
HUNG_S = 120.0
STARTS = 5  # of this one: what a command does beside waiting for Kafka, and then some
_LOOK_S = 0.01


@dataclass(frozen=True)
class Ended:
    """A command that has ended.

    Args:
        code: its exit code.
        out, errors: what it printed.
        seconds: how long it took, on a clock on the wall.
        waited_s: how much of that it stood in line for a core of the machine.
    """

    code: int
    out: str
    errors: str
    seconds: float
    waited_s: float

    @property
    def in_time(self) -> bool:
        """Whether it was as fast as is promised."""
        return in_time(self.seconds, waited_s=self.waited_s)


def in_time(seconds: float, within_s: float = WITHIN_S, *, waited_s: float = 0.0) -> bool:
    """Whether it was fast enough, the time left out in which others had the machine.

    What was slow all the same may blame the machine for what Kafka waited, and it is asked.
    """
    seconds -= waited_s
    if seconds < within_s:
        return True
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "minuet", "--version"], check=True, capture_output=True)
    return seconds < within_s + STARTS * (time.monotonic() - began)


def waited_s(pid: int | None = None) -> float:
    """How long a process, or this one, has stood in line for a core; 0 where nobody counts that."""
    with suppress(OSError):  # its first thread, which is where a command works
        text = Path(f"/proc/{pid or 'self'}/schedstat").read_text(encoding="ascii")
        return int(text.split()[1]) / 1e9
    return 0.0


def timed(
    command: Sequence[str], folder: Path, environ: Mapping[str, str], given: str = ""
) -> Ended:
    """Run a command in a folder to its end, with more variables than the tests have."""
    with TemporaryFile() as out, TemporaryFile() as errors:
        began = time.monotonic()
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **environ},
            stdin=subprocess.PIPE, stdout=out, stderr=errors,
        )  # fmt: skip
        with process:
            assert process.stdin is not None
            with suppress(BrokenPipeError):
                process.stdin.write(given.encode())
                process.stdin.close()
            waited = _waited_to_its_end(process)
        seconds = time.monotonic() - began
        said = [_text(stream) for stream in (out, errors)]
    return Ended(process.returncode, said[0], said[1], seconds, waited)


def _waited_to_its_end(process: subprocess.Popen[bytes]) -> float:
    """Wait until it ends, and ask what it waited for while the system still knows it."""
    until = time.monotonic() + HUNG_S
    while _runs(process):
        if time.monotonic() > until:
            process.kill()
            raise AssertionError(process.args)
        time.sleep(_LOOK_S)
    return waited_s(process.pid)


def _runs(process: subprocess.Popen[bytes]) -> bool:
    if sys.platform == "linux":
        how = os.WEXITED | os.WNOHANG | os.WNOWAIT  # it stays known until it is waited for
        return os.waitid(os.P_PID, process.pid, how) is None
    return process.poll() is None


def _text(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode()
