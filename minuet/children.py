"""Child processes: commands of Minuet as everybody types them; what they say is in files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minuet.errors import MinuetError

Line = dict[str, Any]

# Exit codes of a child that Kafka does not let work, before it was ready and afterwards.
NOT_LET_IN, NOT_LET_ON = 74, 75

_START_S = 60.0  # three seconds on a quiet machine
_STOP_S = 20.0
_LOOK_S = 0.05
_TAIL_LINES = 15


@dataclass(frozen=True)
class _Child:
    log: Path
    process: subprocess.Popen[bytes]


class Children:
    """Starts commands of `minuet` and stops them, whatever happens; a context manager.

    Args:
        folder: where each writes its log, named after it.
        project: the folder that holds pyproject.toml.
    """

    def __init__(self, folder: Path, project: Path) -> None:
        self._folder = folder
        self._project = project
        self._children: dict[str, _Child] = {}

    def __enter__(self) -> Children:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(*self._children)

    def start(self, name: str, *command: str, environment: Mapping[str, str] | None = None) -> None:
        """Start a command, which must have `--json` and know its parent.

        Args:
            name: of the child, for people; the last one of this name has ended.
            command: as it is typed after `minuet`.
            environment: beside that of this process.
        """
        log = self._folder / f"{name.replace(' ', '-')}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [
                    sys.executable, "-m", "minuet", *command, "--json",
                    "--project", str(self._project), "--parent", str(os.getpid()),
                ],
                cwd=self._project,
                env={**os.environ, **(environment or {}), "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                process_group=0,  # Ctrl-C is for the parent, which stops them in its turn
            )  # fmt: skip
        self._children[name] = _Child(log, process)

    def said(self, name: str, state: str) -> list[Line]:
        """What a child has said of one state, in its order."""
        return [line for line in self._lines(name) if line.get("state") == state]

    def wait(self, name: str, holds: Callable[[], object]) -> None:
        """Return when something holds that a child brings about.

        Raises:
            MinuetError: it ended, or takes too long; with the end of its log.
        """
        until = time.monotonic() + _START_S
        while not holds():
            self.check()
            if time.monotonic() > until:
                message = f"{name}: not ready after {_START_S:.0f} s:\n{self._tail(name)}"
                raise MinuetError(message)
            time.sleep(_LOOK_S)

    def ended(self) -> dict[str, int]:
        """Which children have ended by themselves, each with its exit code."""
        codes = {name: child.process.poll() for name, child in self._children.items()}
        return {name: code for name, code in codes.items() if code is not None}

    def check(self) -> None:
        """Raise when a child has ended.

        Raises:
            MinuetError: with the end of its log.
        """
        for name, code in self.ended().items():
            message = f"{name}: ended with exit code {code}:\n{self._tail(name)}"
            raise MinuetError(message)

    def pid(self, name: str) -> int:
        """The number of a child's process."""
        return self._children[name].process.pid

    def stop(self, *names: str) -> None:
        """Stop children cleanly; kill what does not end."""
        going = [self._children[name].process for name in names]
        for process in going:
            if process.poll() is None:
                process.terminate()
        until = time.monotonic() + _STOP_S
        for process in going:
            try:
                process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for name in names:  # only now: Ctrl-C meanwhile leaves them to who stops all
            del self._children[name]

    def _lines(self, name: str) -> Iterator[Line]:
        """The lines of JSON in its log; it writes whole ones, and others beside them."""
        for line in self._children[name].log.read_bytes().splitlines():
            if line.startswith(b'{"'):
                try:
                    yield json.loads(line)
                except ValueError:  # being written, or no line of the command's
                    continue

    def _tail(self, name: str) -> str:
        log = self._children[name].log
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:]
        return "\n".join([f"the end of {log}:", *(f"  {line}" for line in lines)])
