"""Child processes of a command: started together, told to stop together, waited for."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from types import FrameType, TracebackType

_INTERRUPTED = 130


class Processes:
    """Runs commands as children until all have ended; a context manager.

    Each child has a process group of its own, so that Ctrl-C on the terminal reaches it once, from
    here, and not twice.

    Args:
        commands: one for each child.
    """

    def __init__(self, commands: Sequence[Sequence[str]]) -> None:
        self._commands = commands
        self._children: list[subprocess.Popen[bytes]] = []
        self._heard: int | None = None
        self._codes: dict[int, int] = {}

    def __enter__(self) -> Processes:
        self._before = {
            number: signal.signal(number, self._forward)
            for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            for command in self._commands:
                if not self.stopping:
                    self._children.append(subprocess.Popen(command, process_group=0))
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for child in self._children:
            if child.poll() is None:
                child.terminate()
        for child in self._children:
            child.wait()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def wait(self) -> Iterator[tuple[int, int]]:
        """Yield each child that ends, as its number from 1 and its exit code."""
        while len(self._codes) < len(self._children):
            pid, status = os.waitpid(-1, 0)
            for number, child in enumerate(self._children, 1):
                if child.pid == pid:
                    child.returncode = os.waitstatus_to_exitcode(status)
                    self._codes[number] = self._exit_code(child.returncode)
                    yield number, self._codes[number]

    @property
    def stopping(self) -> bool:
        """Whether a signal has been heard."""
        return self._heard is not None

    @property
    def running(self) -> int:
        """How many have not ended."""
        return len(self._children) - len(self._codes)

    @property
    def code(self) -> int:
        """The worst exit code; 130 when Ctrl-C ended them and nothing went wrong."""
        worst = max(self._codes.values(), default=0)
        return worst or (_INTERRUPTED if self._heard == signal.SIGINT else 0)

    def _forward(self, number: int, _: FrameType | None) -> None:
        self._heard = self._heard or number
        for child in self._children:
            if child.returncode is None:
                os.kill(child.pid, signal.SIGTERM)

    def _exit_code(self, returncode: int) -> int:
        """A shell's: 128 and more for a signal; ours, heard while the child began, is none."""
        if self.stopping and returncode == -signal.SIGTERM:
            return 0
        return 128 - returncode if returncode < 0 else returncode
