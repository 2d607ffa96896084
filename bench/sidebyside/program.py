"""A contestant's process: started, measured from outside, asked to stop, or killed."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import time
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.sidebyside.contestants import Contestant
from bench.sidebyside.programs.job import VARIABLE, Job
from minuet.bench.process import cpu_s
from minuet.errors import MinuetError

_ROOT = Path(__file__).parents[2]
_STOP_S = 30.0
_TAIL = 2_000  # characters of what it said


class Died(MinuetError):
    """A contestant ended by itself."""


class Program:
    """A contestant at work; a context manager that leaves no process behind.

    Args:
        contestant: who.
        python: its interpreter.
        job: what it is told.
        log: the file for what it says.
    """

    def __init__(self, contestant: Contestant, python: str, job: Job, log: Path) -> None:
        self._name = contestant.name
        self._log = log
        self._before = _children_s()
        self.started = time.time()
        self._samples: list[tuple[float, float]] = []  # when, and its CPU time until then
        environment = {**os.environ, VARIABLE: json.dumps(asdict(job)), "PYTHONPATH": str(_ROOT)}
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [python, *contestant.arguments],
                cwd=job.state, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            )  # fmt: skip

    def cpu_s(self, until: float) -> float:
        """Its CPU time until then, as it was last looked at before."""
        return max((used for at, used in self._samples if at <= until), default=0.0)

    def peak_rss_mb(self) -> float:
        """The most memory it has had; nought where the system does not tell."""
        try:
            status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="utf-8")
        except OSError:
            return 0.0
        _, found, rest = status.partition("VmHWM:")
        return int(rest.split()[0]) / 1024 if found else 0.0

    def look(self) -> None:
        """Note what it has used; say so when it is gone.

        Raises:
            Died: with the end of what it said.
        """
        code = self._process.poll()
        if code is not None:
            said = self._log.read_text(encoding="utf-8", errors="replace")[-_TAIL:]
            message = f"{self._name} ended with {code}:\n{said}"
            raise Died(message)
        self._samples.append((time.time(), cpu_s(self._process.pid) or 0.0))

    def stop(self) -> float:
        """Ask it to end, and return its CPU time in all; one that does not listen is killed."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
        return _children_s() - self._before

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self.kill()


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
