"""The crash-loop breaker: what killed the process three times is not decoded, not run again.

What was on the CPU at a death is known. Where other threads worked too, or none did, more is
suspected: from the second death on suspects run one at a time, or few when they are many, and for
some seconds nothing else begins, until each has ended or is known to be what kills.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from minuet.contracts.codec import Codec
from minuet.contracts.registry import Registry
from minuet.core.settle import Failure
from minuet.engines.crash_journal import Journal, value_name
from minuet.engines.crash_memory import CrashMemory, Suspect
from minuet.engines.partition import Run
from minuet.errors import UnreadableValue
from minuet.event.model import Event

WATCHED_FROM = 2  # deaths; one alone may be anybody's, as when a machine goes down
AT_ONCE = 16  # a sixteenth of the suspects run at once: a thousand are told apart by three deaths
APART_S = 5.0  # that nothing else begins beside a suspect
APART_MOST_S = 15.0  # of all that in a worker's life: a suspect may be innocent, and slow
CLEAR_S = 0.5  # between two writes of what is suspected no more

_LOG = logging.getLogger("minuet.worker")


class Guard:
    """What the runner asks and tells about each run; this one guards nothing.

    Attributes:
        suspects: empty nearly always; only then the runner asks.
    """

    def __init__(self) -> None:
        self.suspects: dict[str, Suspect] = {}

    def learn(self) -> None:
        """Look what other processes died of."""

    def stops(self, run: Run, submit: Callable[[Run], None]) -> Failure | bool:
        """Say why a run must not start; True when it waits, and is submitted later."""
        return False

    def cleared(self, run: Run) -> None:
        """Note that a run has ended, and the process lives."""

    def overdue(self, run: Run) -> None:
        """Note that a run was not in time and goes on: others may begin, it stays suspected."""

    def begin(self, run: Run) -> None:
        """Note that a run begins on the loop."""

    def end(self) -> None:
        """Note that it ended, or waits."""

    def thread(self, run: Run, function: Callable[[], Any]) -> Any:
        """Run a handler in this thread."""
        return function()

    def watch(
        self, run: Run, begin: Callable[[], Coroutine[Any, Any, Any]]
    ) -> Coroutine[Any, Any, Any]:
        """Return a handler's coroutine, watched."""
        return begin()


NO_GUARD = Guard()


class Quarantine(Guard):
    """The guard of a worker that has a memory.

    Args:
        memory: of the workflow.
    """

    def __init__(self, memory: CrashMemory) -> None:
        super().__init__()
        self._memory = memory
        self.journal: Journal = memory.open_journal()
        self._held: deque[tuple[Run, Callable[[Run], None]]] = deque()
        self._lane: dict[str, int] = {}  # suspects that run, and beside how many each may
        self._harmless: list[str] = []
        self._turn = False
        self._apart_until = 0.0
        self._apart_left_s = APART_MOST_S
        self.learn()

    def close(self) -> None:
        """End cleanly: what is suspected no more is written, the journal goes."""
        self._write()
        self.journal.close()

    def learn(self) -> None:
        """Look what other processes died of; told when partitions are assigned."""
        try:
            known, added = self._memory.learn()
        except OSError as trouble:
            _LOG.warning("the memory of crashes cannot be read: %s", trouble.strerror)
            return
        self.suspects = {n: s for n, s in known.items() if n not in self._harmless}
        self._lane = {n: width for n, width in self._lane.items() if n in self.suspects}
        for name in added[:AT_ONCE]:
            each = known[name]
            _LOG.warning(
                "a process died while it worked on this (%s deaths)%s",
                each.deaths, ": quarantined" if each.quarantined else "",
                extra={"suspect": name, "deaths": each.deaths, "quarantined": each.quarantined},
            )  # fmt: skip

    def stops(self, run: Run, submit: Callable[[Run], None]) -> Failure | bool:
        """Say why a run must not start; True when it waits, and is submitted later."""
        name = _name(run)
        if name in self._lane:
            return False
        suspect = self.suspects.get(name)
        if suspect is not None and suspect.quarantined:
            return Failure("poison", f"{suspect.deaths} runs of it killed the process")
        if suspect is None or suspect.deaths < WATCHED_FROM:
            waits = self._is_apart()
        else:
            width = self._width(suspect)
            waits = len(self._lane) >= min([width, *self._lane.values()])
            if not waits:
                self._alone(name, width)
        if waits:
            self._held.append((run, submit))
        return waits

    def _is_apart(self) -> bool:
        return bool(self._lane) and asyncio.get_running_loop().time() < self._apart_until

    def _alone(self, name: str, width: int) -> None:
        """Let a suspect run, and for a while nothing beside it."""
        loop = asyncio.get_running_loop()
        self._lane[name] = width
        apart_s = min(APART_S, self._apart_left_s)
        self._apart_left_s -= apart_s
        self._apart_until = loop.time() + apart_s
        loop.call_later(apart_s, self._next)

    def _width(self, suspect: Suspect) -> int:
        """How many of those that are suspected so often may run at once."""
        as_often = sum(one.deaths >= suspect.deaths for one in self.suspects.values())
        return max(1, as_often // AT_ONCE)

    def cleared(self, run: Run) -> None:
        """Note that a run has ended, and the process lives."""
        self.overdue(run)
        self.clear(_name(run))

    def overdue(self, run: Run) -> None:
        """Note that a run was not in time and goes on: others may begin, it stays suspected."""
        name = _name(run)
        if name in self._lane:
            del self._lane[name]
            now = asyncio.get_running_loop().time()
            self._apart_left_s += max(0.0, self._apart_until - now)  # what was not needed
            self._apart_until = now
        if self._held and not self._turn:
            self._turn = True  # one look at all that is held, however many end at once
            asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        self._turn = False
        for _ in range(len(self._held)):
            run, submit = self._held.popleft()
            submit(run)  # it may be held again, at the end of the line

    def clear(self, name: str) -> None:
        """Suspect something no more, unless it is known to kill."""
        suspect = self.suspects.get(name)
        if suspect is None or suspect.quarantined:
            return
        del self.suspects[name]
        if not self._harmless:
            asyncio.get_running_loop().call_later(CLEAR_S, self._write)
        self._harmless.append(name)

    def _write(self) -> None:
        names, self._harmless = self._harmless, []
        try:
            if names:
                self._memory.clear(names)
        except OSError as trouble:
            _LOG.warning("the memory of crashes cannot be written: %s", trouble.strerror)

    def begin(self, run: Run) -> None:
        """Note that a run begins on the loop."""
        self.journal.begin(_name(run))

    def end(self) -> None:
        """Note that it ended, or waits."""
        self.journal.end()

    def thread(self, run: Run, function: Callable[[], Any]) -> Any:
        """Run a handler in this thread, noted as in flight."""
        return self.journal.thread(_name(run), function)

    def watch(
        self, run: Run, begin: Callable[[], Coroutine[Any, Any, Any]]
    ) -> Coroutine[Any, Any, Any]:
        """Return a handler's coroutine, noted as in flight and when it is on the CPU."""
        return self.journal.watch(_name(run), begin)


def _name(run: Run) -> str:
    """By what a run is known; after a person resumed it, it is another one."""
    slot = run.slot
    return slot.id if not slot.since else f"{slot.id}+{slot.since}"


class GuardedCodec(Codec):
    """A codec that notes what it decodes, and decodes nothing that is in quarantine.

    Args:
        models, registry: as `Codec`.
        quarantine: of the worker.
    """

    def __init__(
        self, models: Iterable[type[Event]], registry: Registry, quarantine: Quarantine
    ) -> None:
        super().__init__(models, registry)
        self._quarantine = quarantine
        self._journal = quarantine.journal
        self._decode = super().decode

    def decode(self, event_type: str, schema: bytes, value: bytes) -> Event:
        """Return the event of a record; see `Codec.decode`.

        Raises:
            UnreadableValue: says why; of a value in quarantine, that it was not looked at.
        """
        noted = schema + value
        suspected = value_name(noted) if self._quarantine.suspects else ""
        if suspected:
            self._refuse(event_type, suspected)
        journal = self._journal
        journal.decode(noted)
        try:
            return self._decode(event_type, schema, value)
        except SystemExit:  # of a model's own validator
            message = f"{event_type}: decoding it asks the process to end"
            raise UnreadableValue(message) from None
        finally:
            journal.decoded()
            if suspected:
                self._quarantine.clear(suspected)

    def _refuse(self, event_type: str, name: str) -> None:
        suspect = self._quarantine.suspects.get(name)
        if suspect is not None and suspect.quarantined:
            text = f"decoding it killed the process {suspect.deaths} times; it is quarantined"
            message = f"{event_type}: {text}"
            raise UnreadableValue(message)
