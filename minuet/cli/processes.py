"""Child processes of a command: started together, started again when they die, stopped together."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import FrameType, TracebackType

from minuet.cli.restarts import GiveUp, Restarts, Worked

KILLED = 128 + signal.SIGKILL
_INTERRUPTED = 130
_LOOK_S = 0.05
_STOP_MOST_S = 60.0  # after being told; a clean stop has bounds that are shorter in sum


@dataclass(frozen=True, slots=True)
class Died:
    """A child ended that nobody told to.

    Args:
        number: of the child, from 1.
        pid: of the process.
        code: its exit code, a shell's: 128 and more for a signal.
        again: seconds until it is started again, or why it is not.
    """

    number: int
    pid: int
    code: int
    again: float | GiveUp


@dataclass(slots=True)
class _Child:
    """A command that is to run, and the process that runs it now."""

    number: int
    command: Sequence[str]
    restarts: Restarts = field(default_factory=Restarts)
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    start_at: float | None = None


class Processes:
    """Runs commands as children and keeps them running; a context manager.

    Each child has a process group of its own, so that Ctrl-C on the terminal reaches it once, from
    here, and not twice.

    Args:
        commands: one for each child.
        explained: asked at each death, with the process and its exit code, whether something is
            known of its cause.
    """

    def __init__(
        self,
        commands: Sequence[Sequence[str]],
        explained: Callable[[int, int], bool] = lambda pid, code: False,
    ) -> None:
        worked = Worked()
        self._children = [
            _Child(number, one, Restarts(worked=worked)) for number, one in enumerate(commands, 1)
        ]
        self._explained = explained
        self._heard: int | None = None
        self._told_at: float | None = None
        self._code = 0

    def __enter__(self) -> Processes:
        self._before = {
            number: signal.signal(number, self._forward)
            for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            for child in self._children:
                self._start(child)
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
        self._tell()
        running = [child.process for child in self._children if child.process is not None]
        until = time.monotonic() + _STOP_MOST_S
        for process in running:
            try:
                process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def wait(self) -> Iterator[Died]:
        """Keep them running until all have been told to end; yield each that died."""
        while any(child.process or child.start_at is not None for child in self._children):
            for child in self._children:
                if child.process is not None and child.process.poll() is not None:
                    died = self._ended(child, child.process)
                    if died is not None:
                        yield died
                elif child.start_at is not None and time.monotonic() >= child.start_at:
                    self._start(child)
            self._kill_late()
            time.sleep(_LOOK_S)

    @property
    def stopping(self) -> bool:
        """Whether they were told to end."""
        return self._told_at is not None

    @property
    def running(self) -> int:
        """How many run now."""
        return sum(child.process is not None for child in self._children)

    @property
    def code(self) -> int:
        """What to exit with; 130 when Ctrl-C ended them and nothing went wrong."""
        return self._code or (_INTERRUPTED if self._heard == signal.SIGINT else 0)

    def _start(self, child: _Child) -> None:
        child.start_at = None
        if not self.stopping:
            child.process = subprocess.Popen(child.command, process_group=0)
            child.started = time.monotonic()
            if self.stopping:  # heard while it began
                child.process.terminate()

    def _ended(self, child: _Child, process: subprocess.Popen[bytes]) -> Died | None:
        child.process = None
        code = self._exit_code(process.returncode)
        if self.stopping:
            self._code = max(self._code, code)
            return None
        now = time.monotonic()
        again = child.restarts.died(
            code, lived_s=now - child.started, now=now, explained=self._explained(process.pid, code)
        )
        if isinstance(again, GiveUp):
            self._code = max(self._code, code if code == 2 else 1)
            self._tell()
        else:
            child.start_at = now + again
        return Died(child.number, process.pid, code, again)

    def _forward(self, number: int, _: FrameType | None) -> None:
        self._heard = self._heard or number
        self._tell()

    def _tell(self) -> None:
        """Tell every child to end; each time anew, since a second word does not wait."""
        self._told_at = self._told_at or time.monotonic()
        for child in self._children:
            child.start_at = None
            if child.process is not None and child.process.returncode is None:
                child.process.terminate()

    def _kill_late(self) -> None:
        if self._told_at is not None and time.monotonic() - self._told_at > _STOP_MOST_S:
            for child in self._children:
                if child.process is not None:
                    child.process.kill()

    def _exit_code(self, returncode: int) -> int:
        """A shell's: 128 and more for a signal; ours, heard while the child began, is none."""
        if self.stopping and returncode == -signal.SIGTERM:
            return 0
        return 128 - returncode if returncode < 0 else returncode


def leave_with(parent: int) -> None:
    """Stop this process when its parent is gone: a killed parent leaves no workers behind.

    A thread looks, so that a worker whose loop stands still leaves as well.
    """

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_STOP_MOST_S)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=look, name="minuet-parent", daemon=True).start()
