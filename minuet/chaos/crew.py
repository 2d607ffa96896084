"""The workers of a run under faults: killed, stopped, more and fewer, and always started again."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial

from minuet.children import NOT_LET_IN, NOT_LET_ON, Children

STORM = (1, 4, 2, 6)  # workers, one number after the other
# Exit codes of a worker that Kafka left alone; 1 is its supervisor's, which has given up.
_NO_KAFKA = (1, NOT_LET_IN, NOT_LET_ON)


class Crew:
    """Keeps `count` workers running, whatever is done to them.

    Args:
        children: who starts them.
        command: of a worker, after `minuet`.
        environment: beside that of this process.
        count: how many.
        supervised: each has a supervisor (`--processes 1`), which starts it again; else it is
            started again from here.
    """

    def __init__(
        self, children: Children, command: tuple[str, ...], environment: Mapping[str, str],
        count: int, *, supervised: bool,
    ) -> None:  # fmt: skip
        self._children = children
        self._command = (*command, "--processes", "1") if supervised else command
        self._environment = environment
        self._supervised = supervised
        self._names = [f"worker {number}" for number in range(1, count + 1)]
        self._extra = 0
        self._extras: set[str] = set()
        self._away: list[str] = []
        self._storm: list[int] = []
        self._storm_at = self._storm_step_s = 0.0
        self._later: list[tuple[float, Callable[[], None]]] = []

    def start(self) -> None:
        """Start them, and return when all are ready."""
        for name in self._names:
            self._start(name)
        for name in self._names:
            self._children.wait(name, partial(self._pid, name))

    def kill(self, dice: random.Random) -> str:
        """SIGKILL one; empty when none is ready."""
        return self._signal(dice, signal.SIGKILL)

    def restart(self, dice: random.Random) -> str:
        """SIGTERM one, so that it stops cleanly and another starts."""
        ready = [name for name in self._names if self._pid(name)]
        if not ready:
            return ""
        name = dice.choice(ready)
        self._children.stop(name)
        self._start(name)
        return name

    def freeze(self, dice: random.Random, seconds: float) -> str:
        """SIGSTOP one, and SIGCONT it so much later; empty when none is ready."""
        frozen = self._signal(dice, signal.SIGSTOP)
        if frozen:
            pid = int(frozen.rpartition(" ")[2])
            self._after(seconds, lambda: self._go_on(pid))
        return frozen

    def grow(self, seconds: float) -> str:
        """Start one more, which stops again so long after it is ready."""
        name = self._hire()
        self._after(0.0, partial(self._stay, name, seconds))
        return name

    def storm(self, seconds: float) -> str:
        """Have fewer and more workers, one number after the other; then as many as before."""
        self._storm = [*STORM, len(self._names)]
        self._storm_at, self._storm_step_s = time.monotonic(), seconds / len(STORM)
        return ", ".join(str(count) for count in self._storm) + " workers"

    def look(self, *, kafka_was_hit: bool = False) -> None:
        """Do what is due, and start again who was killed, or did not find a Kafka that was hit.

        Raises:
            MinuetError: a child ended by itself, the services among them.
        """
        now = time.monotonic()
        due = [what for at, what in self._later if at <= now]
        self._later = [(at, what) for at, what in self._later if at > now]
        for what in due:
            what()
        if self._storm and now >= self._storm_at:
            self._have(self._storm.pop(0))
            self._storm_at = time.monotonic() + self._storm_step_s
        for name, code in self._children.ended().items():
            is_worker = name in self._names or name in self._extras
            was_killed = code == -signal.SIGKILL and not self._supervised
            if not is_worker or not (was_killed or (kafka_was_hit and code in _NO_KAFKA)):
                self._children.check()  # nobody killed it: the run is not what it says it is
            if name in self._extras:
                self._retire(name)
            else:
                self._start(name)

    @property
    def busy(self) -> bool:
        """Whether something is stopped that is to go on, or more than there should be."""
        return bool(self._later or self._storm)

    @property
    def settled(self) -> bool:
        """Whether nothing is stopped or to come, and all are ready."""
        return not self.busy and all(self._pid(name) for name in self._names)

    def heal(self) -> None:
        """Undo at once what was to be undone later."""
        later, self._later = self._later, []
        for _, what in later:
            what()
        self._later.clear()
        if self._storm:
            self._have(self._storm[-1])
            self._storm.clear()
        for name in tuple(self._extras):
            self._retire(name)

    def stop(self) -> None:
        """Stop all of them cleanly.

        Raises:
            MinuetError: one had ended.
        """
        self.heal()
        self._children.check()
        self._children.stop(*self._names)

    def _have(self, count: int) -> None:
        """Start and stop as many as it takes to have so many."""
        here = [name for name in self._names if name not in self._away]
        extras = sorted(self._extras)
        leave = [*here, *extras][count:]
        for name in leave:
            self._away += [name] if name in here else []
            self._extras.discard(name)
        self._children.stop(*leave)
        for _ in range(count - len(here) - len(extras)):
            if self._away:
                self._start(self._away.pop())
            else:
                self._hire()

    def _start(self, name: str) -> None:
        self._children.start(name, *self._command, environment=self._environment)

    def _hire(self) -> str:
        """Start one more."""
        self._extra += 1
        name = f"extra worker {self._extra}"
        self._start(name)
        self._extras.add(name)
        return name

    def _stay(self, name: str, seconds: float) -> None:
        """Have one more stop in a while, if it is ready; on a busy machine that takes its time."""
        if name in self._extras:
            ready = self._pid(name)
            what = partial(self._retire, name) if ready else partial(self._stay, name, seconds)
            self._after(seconds if ready else 0.0, what)

    def _retire(self, name: str) -> None:
        if name in self._extras:
            self._extras.remove(name)
            self._children.stop(name)

    def _pid(self, name: str) -> int:
        """The process that does the work; 0 while it is not ready."""
        if name in self._away:
            return 0
        ready = self._children.said(name, "ready")
        lost = {line.get("died") for line in self._children.said(name, "lost")}
        pid = ready[-1]["pid"] if ready else 0
        return 0 if pid in lost else pid

    def _signal(self, dice: random.Random, number: int) -> str:
        ready = [name for name in self._names if self._pid(name)]
        if not ready:
            return ""
        name = dice.choice(ready)
        pid = self._pid(name)
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return ""
        return f"{name}, process {pid}"

    def _after(self, seconds: float, what: Callable[[], None]) -> None:
        self._later.append((time.monotonic() + seconds, what))

    def _go_on(self, pid: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
