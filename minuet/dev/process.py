"""A process that outlives its starter and is recognised later, for certain.

A pid alone proves nothing: it may have been given to another process since. A process is
known by its pid together with its start time, and by a word of its command line.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from minuet.errors import BrokerError

POLL_S = 0.05


@dataclass(frozen=True)
class Process:
    """A process on this machine: its pid, when it started, and a word of its command line."""

    pid: int
    started: str
    marker: str

    def is_alive(self) -> bool:
        """Whether it still runs: this one, not another that was given its pid."""
        seen = _look(self.pid)
        if seen is None or seen.started != self.started:
            return False
        if seen.has_ended:  # and waits for its parent; when that is us, let it go
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.pid, os.WNOHANG)
            return False
        # One that is ending has lost its command line, and not yet its ports.
        return not seen.command or self.marker in seen.command

    def stop(self, patience_s: float) -> None:
        """End it: asked to first, killed when it is still there after `patience_s`."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if not self.is_alive():
                return
            os.kill(self.pid, number)
            if self._ends_within(patience_s):
                return
        message = f"process {self.pid} does not end"
        raise BrokerError(message)

    def _ends_within(self, patience_s: float) -> bool:
        deadline = time.monotonic() + patience_s
        while self.is_alive():
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_S)
        return True


def start(command: list[str], marker: str, log: Path) -> Process:
    """Start it in a session of its own, what it prints going to `log`."""
    pid = os.posix_spawn(
        command[0],
        command,
        os.environ,
        setsid=True,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
    )
    seen = _look(pid)
    return Process(pid, seen.started if seen else "", marker)


class _Seen(NamedTuple):
    has_ended: bool
    started: str
    command: str


def _look(pid: int) -> _Seen | None:
    """What the system says of a process; None when there is no such one."""
    if Path("/proc/self/stat").exists():
        return _look_in_proc(pid)
    shown = subprocess.run(
        ["/bin/ps", "-ww", "-o", "stat=,lstart=,command=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
        env={"LC_ALL": "C"},
    )
    status, *words = shown.stdout.split() or [""]
    if not status:
        return None
    return _Seen(status.startswith("Z"), " ".join(words[:5]), " ".join(words[5:]))


def _look_in_proc(pid: int) -> _Seen | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # after the name, which may hold anything
    state, threads, start_ticks = fields[0], int(fields[17]), fields[19]
    started = f"{boot}/{start_ticks}"
    # The first thread may be a zombie while others still end, and hold the ports.
    has_ended = state in "ZX" and threads <= 1
    return _Seen(has_ended, started, command.decode("utf-8", errors="surrogateescape"))
