"""Processes that the bench starts: told what to do as JSON, they answer in lines of JSON.

They are told on standard input: a command line is seen by everybody, and a password may be said.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from minuet.bench.workload import Job
from minuet.errors import MinuetError

Answer = dict[str, Any]

START_S = 60.0
STOP_S = 60.0


class Ended(MinuetError):
    """A process of the bench ended, or says nothing."""


class Child:
    """A module of the bench run as a process of its own; a context manager that ends it."""

    def __init__(self, module: str, told: object) -> None:
        self._name = module.rpartition(".")[2]
        self._process = subprocess.Popen(
            [sys.executable, "-m", module], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(told).encode() + b"\n")
        self._process.stdin.flush()

    def answer(self, timeout_s: float = START_S) -> Answer:
        """Return its next line.

        Raises:
            Ended: there is none; what it had to say stands on standard error.
        """
        assert self._process.stdout is not None
        readable, _, _ = select.select([self._process.stdout], [], [], timeout_s)
        line = self._process.stdout.readline() if readable else b""
        if not line:
            code = self._process.poll()
            why = f"says nothing for {timeout_s:.0f} s" if code is None else f"ended with {code}"
            message = f"the bench's {self._name} {why}"
            raise Ended(message)
        found: Answer = json.loads(line)
        return found

    def stop(self) -> Answer:
        """Let it stop cleanly and return its last line."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        while True:
            last = self.answer(STOP_S)
            if "folded" in last:
                self._process.wait(STOP_S)
                return last

    def kill(self) -> None:
        """End it at once, by SIGKILL, and wait until it is gone."""
        self._process.kill()
        self._process.wait(STOP_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        process = self._process
        if process.stdin is not None:
            process.stdin.close()
        if error is not None:
            process.kill()
        process.wait(STOP_S)
        if process.stdout is not None:
            process.stdout.close()


def worker(job: Job) -> Child:
    """Start a worker."""
    return Child("minuet.bench.worker", asdict(job))


def cpu_s(pid: int) -> float | None:
    """CPU time of another process so far; None where the system does not tell."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # after the name, which may hold anything
    return (int(fields[11]) + int(fields[12])) / 100  # USER_HZ is 100 on every Linux
