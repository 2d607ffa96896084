"""Runs handlers: binds what the signature asks for, bounds how many run, and says how each ended.

A pure async step is driven by hand once and becomes a task only if it suspends: most never do. A
step with resources is a task from the start, since what it awaits may ask for its task. A sync
step with resources blocks, so it runs in a thread, if there are any; nothing can end it from
outside, so at its timeout it keeps its thread, and its answer is taken when it comes.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

from minuet.contracts.codec import Codec
from minuet.core.settle import Failure
from minuet.core.state import Entry
from minuet.duration import parse_ms
from minuet.engines.driving import Suspended, drive, resume
from minuet.engines.partition import Run
from minuet.errors import GiveUp, MinuetError, RetryLater, UnreadableValue
from minuet.event.model import Event
from minuet.settings.worker import Options
from minuet.step import Context, StepDefinition

_LOG = logging.getLogger("minuet.worker")

REASON_MOST = 500  # characters of what went wrong: it goes into headers and rows
DECODED_MOST = 20_000  # events kept decoded, for joins; all are dropped at once when it is full


@dataclass(frozen=True, slots=True)
class Unbound:
    """A parameter whose bytes cannot be read."""

    entry: Entry
    reason: str


Ended = Event | Failure | Unbound


@dataclass(slots=True)
class _Places:
    """Where runs of one kind take place, so many at once, and those that wait for one."""

    most: int
    taken: int = 0
    waiting: deque[Run] = field(default_factory=deque)


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
        self._when_ended = ended
        self._may_start = may_start
        self._pool: ThreadPoolExecutor | None = None
        if options.threads:
            self._pool = ThreadPoolExecutor(options.threads, "minuet-step")
        self._places = _Places(options.in_flight)
        self._threads = _Places(options.threads)
        self._decoded: dict[tuple[str, str], Event] = {}
        self._tasks: set[asyncio.Future[Any]] = set()
        self.started = 0

    @property
    def active(self) -> int:
        """How many runs have started and not ended."""
        return self._places.taken + self._threads.taken

    @property
    def waiting(self) -> int:
        """How many runs wait for a place."""
        return len(self._places.waiting) + len(self._threads.waiting)

    def submit(self, run: Run) -> None:
        """Run it now, or when there is a place."""
        places = self._places_for(self._steps[run.slot.step.name])
        if places.taken < places.most:
            self._start(run)
        else:
            places.waiting.append(run)

    def drop_waiting(self) -> None:
        """Forget what has not started."""
        self._places.waiting.clear()
        self._threads.waiting.clear()

    def close(self) -> None:
        """Cancel what still runs; the log does not know of it, so it will be run again."""
        self.drop_waiting()
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
        except MinuetError as trouble:  # the registry has no answer now
            self._ended(run, Failure("retry", _in_words(trouble)))
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
                result = drive(result)
        except Exception as error:
            self._ended(run, failure_of(error))
            return
        if isinstance(result, Suspended):
            self._watch(run, asyncio.ensure_future(resume(result)))
        else:
            self._ended(run, _checked(step, result))

    def _outside(self, step: StepDefinition, run: Run, arguments: dict[str, Any]) -> None:
        if step.is_async:
            self._watch(run, asyncio.ensure_future(step.function(**arguments)))
        elif self._pool is not None:
            loop = asyncio.get_running_loop()
            self._watch(run, loop.run_in_executor(self._pool, lambda: step.function(**arguments)))
        else:
            self._pure(step, run, arguments)

    def _places_for(self, step: StepDefinition) -> _Places:
        blocks = step.resources and not step.is_async and self._pool is not None
        return self._threads if blocks else self._places

    def _watch(self, run: Run, task: asyncio.Future[Any]) -> None:
        step = self._steps[run.slot.step.name]
        places = self._places_for(step)
        places.taken += 1
        self._tasks.add(task)
        loop = asyncio.get_running_loop()
        late = partial(_warn, run) if places is self._threads else task.cancel
        timeout = loop.call_later(step.spec.timeout_ms / 1000, late)

        def done(finished: asyncio.Future[Any]) -> None:
            timeout.cancel()
            self._tasks.discard(finished)
            try:
                self._ended(run, _outcome(step, finished))
            finally:
                places.taken -= 1
                self._fill(places)

        task.add_done_callback(done)

    def _fill(self, places: _Places) -> None:
        while places.waiting and places.taken < places.most:
            self._start(places.waiting.popleft())

    def _ended(self, run: Run, ended: Ended) -> None:
        """Tell of an end, when those next in line are such as will end too.

        Who is told weighs how many wait; were the last of these dropped unheard, nobody would.
        """
        for places in (self._places, self._threads):
            while places.waiting:
                following = places.waiting.popleft()
                if self._may_start(following):
                    places.waiting.appendleft(following)
                    break
        self._when_ended(run, ended)


def _warn(run: Run) -> None:
    step = run.slot.step
    _LOG.warning(
        "%s of %s: no answer within %s ms; a thread cannot be ended, so it is waited for",
        step.name, run.key, step.spec.timeout_ms,
    )  # fmt: skip


def _outcome(step: StepDefinition, finished: asyncio.Future[Any]) -> Ended:
    if finished.cancelled():
        return Failure("retry", f"no answer within {step.spec.timeout_ms} ms")
    error = finished.exception()
    if isinstance(error, Exception):
        return failure_of(error)
    if error is not None:
        return Failure("bug", _in_words(error))
    return _checked(step, finished.result())


def _checked(step: StepDefinition, result: object) -> Ended:
    if isinstance(result, step.says):
        return result
    allowed = " or ".join(step.spec.says)
    return Failure("bug", f"{step.spec.name} returned {type(result).__name__}, not {allowed}")


def failure_of(error: Exception) -> Failure:
    """Return what an exception of a handler means for its slot."""
    text = _in_words(error)
    match error:
        case RetryLater():
            return Failure(
                "retry", error.reason[:REASON_MOST], parse_ms(error.after) if error.after else 0
            )
        case GiveUp():
            return Failure("reject", str(error)[:REASON_MOST])
        case TimeoutError() | ConnectionError():
            return Failure("retry", text)
        case _:
            return Failure("bug", text)


def _in_words(error: BaseException) -> str:
    name, text = type(error).__name__, str(error)
    return f"{name}: {text}"[:REASON_MOST] if text else name


class _CannotRead(Exception):
    def __init__(self, entry: Entry, reason: str) -> None:
        self.entry, self.reason = entry, reason
        super().__init__(reason)
