"""The demo's worker processes: the same command that everybody types, its output in files."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from minuet.errors import MinuetError

_START_S = 60.0  # three seconds on a quiet machine
_STOP_S = 20.0
_LOOK_S = 0.05
_TAIL_LINES = 15


class Workers:
    """Starts workers and stops them, whatever happens; a context manager.

    Args:
        folder: where each writes its log.
        project: the folder that holds pyproject.toml.
        arguments: of `minuet worker`.
        count: of processes.
        environment: beside that of this process.
    """

    def __init__(
        self, folder: Path, project: Path, arguments: list[str], count: int,
        environment: Mapping[str, str],
    ) -> None:  # fmt: skip
        self._logs = [folder / f"worker-{number}.log" for number in range(1, count + 1)]
        self._project = project
        self._command = [
            sys.executable, "-m", "minuet", "worker", *arguments, "--json",
            "--project", str(project), "--parent", str(os.getpid()),
        ]  # fmt: skip
        self._environment = {**os.environ, **environment, "PYTHONUNBUFFERED": "1"}
        self._children: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Workers:
        try:
            for log in self._logs:
                with log.open("wb") as output:
                    child = subprocess.Popen(
                        self._command, cwd=self._project, env=self._environment,
                        stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                        process_group=0,  # Ctrl-C is for the demo, which stops them in its turn
                    )  # fmt: skip
                self._children.append(child)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def wait_ready(self) -> None:
        """Return when every worker has said that it is ready.

        Raises:
            MinuetError: one ended, or it takes too long; with the end of its log.
        """
        until = time.monotonic() + _START_S
        while not all(b'"state": "ready"' in log.read_bytes() for log in self._logs):
            self.check()
            if time.monotonic() > until:
                message = f"the workers are not ready after {_START_S:.0f} s:\n{self._tail(0)}"
                raise MinuetError(message)
            time.sleep(_LOOK_S)

    def check(self) -> None:
        """Raise when a worker has ended.

        Raises:
            MinuetError: with the end of its log.
        """
        for number, child in enumerate(self._children):
            if child.poll() is not None:
                message = f"a worker ended with exit code {child.returncode}:\n{self._tail(number)}"
                raise MinuetError(message)

    def stop(self) -> None:
        """Stop them cleanly; kill what does not end."""
        for child in self._children:
            if child.poll() is None:
                child.terminate()
        until = time.monotonic() + _STOP_S
        for child in self._children:
            try:
                child.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self._children.clear()

    def _tail(self, number: int) -> str:
        log = self._logs[number]
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:]
        return "\n".join([f"the end of {log}:", *(f"  {line}" for line in lines)])
