"""Runs handlers: binds what the signature asks for, bounds how many run, and says how each ended.

A pure async step is driven by hand once and becomes a task only if it suspends: most never do. A
step with resources is a task from the start, since what it awaits may ask for its task. A sync
step with resources blocks, so it runs in a thread.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from minuet.contracts.codec import Codec
from minuet.core.settle import Failure
from minuet.core.state import Entry
from minuet.duration import parse_ms
from minuet.engines.options import Options
from minuet.engines.partition import Run
from minuet.errors import GiveUp, RetryLater, UnreadableValue
from minuet.event.model import Event
from minuet.step import Context, StepDefinition

DECODED_MOST = 20_000  # events kept decoded, for joins; all are dropped at once when it is full


@dataclass(frozen=True, slots=True)
class Unbound:
    """A parameter whose bytes cannot be read."""

    entry: Entry
    reason: str


Ended = Event | Failure | Unbound
_START_OF_TIME = datetime.fromtimestamp(0, UTC)


class Runner:
    """Runs the steps of one unit.

    Args:
        steps: by name.
        resources: by class.
        codec: to decode what steps need.
        options: how many handlers run at once, and how many threads there are for sync steps with
            resources; 0 runs them where they stand.
        ended: told of each run that ended.
        may_start: asked just before a run starts; no means it was dropped.
    """

    def __init__(
        self,
        steps: Mapping[str, StepDefinition],
        resources: Mapping[type, object],
        codec: Codec,
        options: Options,
        *,
        ended: Callable[[Run, Ended], None],
        may_start: Callable[[Run], bool],
    ) -> None:
        self._steps = steps
        self._fixed = {
            name: {p: resources[r] for p, r in step.resources} for name, step in steps.items()
        }
        self._codec = codec
        self._in_flight = options.in_flight
        self._ended = ended
        self._may_start = may_start
        self._pool: ThreadPoolExecutor | None = None
        if options.threads:
            self._pool = ThreadPoolExecutor(options.threads, "minuet-step")
        self._ready: deque[Run] = deque()
        self._decoded: dict[tuple[str, str], Event] = {}
        self._tasks: set[asyncio.Future[Any]] = set()
        self.active = 0
        self.started = 0

    @property
    def waiting(self) -> int:
        """How many runs wait for a place."""
        return len(self._ready)

    def submit(self, run: Run) -> None:
        """Run it now, or when there is a place."""
        if self.active < self._in_flight:
            self._start(run)
        else:
            self._ready.append(run)

    def drop_waiting(self) -> None:
        """Forget what has not started."""
        self._ready.clear()

    def close(self) -> None:
        """Cancel what still runs; the log does not know of it, so it will be run again."""
        self._ready.clear()
        for task in self._tasks:
            task.cancel()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _start(self, run: Run) -> None:
        if not self._may_start(run):
            return
        run.tries += 1
        self.started += 1
        step = self._steps[run.slot.step.name]
        try:
            arguments = self._bind(step, run)
        except _CannotRead as unreadable:
            self._ended(run, Unbound(unreadable.entry, unreadable.reason))
            return
        if step.resources:
            self._outside(step, run, arguments)
        else:
            self._pure(step, run, arguments)

    def _bind(self, step: StepDefinition, run: Run) -> dict[str, Any]:
        slot = run.slot
        arguments: dict[str, Any] = dict(self._fixed[step.spec.name])
        for (name, _), cause in zip(step.needs, slot.causes, strict=True):
            known = self._decoded.get((cause.id, cause.digest))
            arguments[name] = known or self._decode(cause)
        if step.context is not None:
            now = datetime.fromtimestamp(max(c.time for c in slot.causes) / 1000, UTC)
            state = run.part.table.get(run.key)
            arguments[step.context] = Context(
                saga_id=run.key,
                slot=slot.id,
                attempt=slot.attempt + run.tries,
                step=step.spec.name,
                now=now,
                traceparent=state.trace if state is not None else "",
            )
        return arguments

    def _decode(self, entry: Entry) -> Event:
        if entry.value is None:
            raise _CannotRead(entry, "its bytes are no longer kept")
        try:
            event = self._codec.decode(entry.type, entry.schema, entry.value)
        except UnreadableValue as bad:
            raise _CannotRead(entry, str(bad)) from bad
        if len(self._decoded) >= DECODED_MOST:
            self._decoded.clear()
        self._decoded[entry.id, entry.digest] = event  # an id from upstream may come again
        return event

    def _pure(self, step: StepDefinition, run: Run, arguments: dict[str, Any]) -> None:
        try:
            result = step.function(**arguments)
            if step.is_async:
                result = _drive(result)
        except Exception as error:
            self._ended(run, failure_of(error))
            return
        if isinstance(result, _Suspended):
            self._watch(run, asyncio.ensure_future(_resume(result)), step)
        else:
            self._ended(run, _checked(step, result))

    def _outside(self, step: StepDefinition, run: Run, arguments: dict[str, Any]) -> None:
        if step.is_async:
            self._watch(run, asyncio.ensure_future(step.function(**arguments)), step)
        elif self._pool is not None:
            loop = asyncio.get_running_loop()
            call = loop.run_in_executor(self._pool, lambda: step.function(**arguments))
            self._watch(run, call, step)
        else:
            self._pure(step, run, arguments)

    def _watch(self, run: Run, task: asyncio.Future[Any], step: StepDefinition) -> None:
        self.active += 1
        self._tasks.add(task)
        loop = asyncio.get_running_loop()
        timeout = loop.call_later(step.spec.timeout_ms / 1000, task.cancel, "timeout")

        def done(finished: asyncio.Future[Any]) -> None:
            timeout.cancel()
            self._tasks.discard(finished)
            self.active -= 1
            while self._ready and self.active < self._in_flight:
                self._start(self._ready.popleft())
            self._ended(run, _outcome(step, finished))

        task.add_done_callback(done)


def _outcome(step: StepDefinition, finished: asyncio.Future[Any]) -> Ended:
    if finished.cancelled():
        return Failure("retry", f"no answer within {step.spec.timeout_ms} ms")
    error = finished.exception()
    if isinstance(error, Exception):
        return failure_of(error)
    if error is not None:
        return Failure("bug", repr(error))
    return _checked(step, finished.result())


def _checked(step: StepDefinition, result: object) -> Ended:
    if isinstance(result, step.says):
        return result
    allowed = " or ".join(step.spec.says)
    return Failure("bug", f"{step.spec.name} returned {type(result).__name__}, not {allowed}")


def failure_of(error: Exception) -> Failure:
    """Return what an exception of a handler means for its slot."""
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    match error:
        case RetryLater():
            return Failure("retry", error.reason, parse_ms(error.after) if error.after else 0)
        case GiveUp():
            return Failure("reject", str(error))
        case TimeoutError() | ConnectionError():
            return Failure("retry", text)
        case _:
            return Failure("bug", text)


class _CannotRead(Exception):
    def __init__(self, entry: Entry, reason: str) -> None:
        self.entry, self.reason = entry, reason
        super().__init__(reason)


@dataclass(slots=True)
class _Suspended:
    """A coroutine that was driven up to its first wait, and what it waits for."""

    coroutine: Coroutine[Any, Any, Any]
    waits_for: Any

    def __await__(self) -> Generator[Any, Any, Any]:
        waits_for = self.waits_for
        while True:
            try:
                sent = yield waits_for
            except BaseException as error:
                try:
                    waits_for = self.coroutine.throw(error)
                except StopIteration as end:
                    return end.value
            else:
                try:
                    waits_for = self.coroutine.send(sent)
                except StopIteration as end:
                    return end.value


def _drive(coroutine: Coroutine[Any, Any, Any]) -> Any:
    try:
        return _Suspended(coroutine, coroutine.send(None))
    except StopIteration as end:
        return end.value


async def _resume(suspended: _Suspended) -> Any:
    return await suspended
