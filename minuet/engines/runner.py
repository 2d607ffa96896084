"""Runs handlers: binds what the signature asks for, bounds how many run, and says how each ended.

A pure async step is driven by hand once and becomes a task only if it suspends: most never do. A
step with resources is a task from the start, since what it awaits may ask for its task. A sync
step with resources blocks, so it runs in a thread, if there are any.

At its timeout a try counts as failed and is not stopped: it may have taken effect, so its answer is
taken when it comes, beside the next try's. How many such late runs are waited for is bounded.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol

from minuet.contracts.codec import Codec
from minuet.core.settle import Failure
from minuet.core.state import Entry
from minuet.engines.driving import Suspended, drive, resume
from minuet.engines.partition import Run
from minuet.engines.quarantine import NO_GUARD, Guard
from minuet.engines.threads import Threads
from minuet.engines.verdict import Ended, Unbound, Verdicts, in_words, overdue
from minuet.errors import MinuetError, RegistryAway, UnreadableValue
from minuet.event.model import Event
from minuet.settings.worker import Options
from minuet.step import Context, StepDefinition

_LOG = logging.getLogger("minuet.worker")

DECODED_MOST = 20_000  # events kept decoded, for joins; all are dropped at once when it is full


@dataclass(slots=True)
class _Places:
    """Where runs of one kind take place, so many at once, and those that wait for one.

    `late` ones are past their timeout and still run, the oldest first; they have no place.
    """

    most: int
    late_most: int
    taken: int = 0
    waiting: deque[Run] = field(default_factory=deque)
    late: dict[_Call, None] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class _Call:
    """A run that has suspended, or is in a thread; `late` once it counts as failed."""

    run: Run
    step: StepDefinition
    task: asyncio.Future[Any]
    places: _Places
    late: bool = False


class Owner(Protocol):
    """What the runner wants of who submits runs."""

    def may_start(self, run: Run) -> bool:
        """Say just before a run starts whether it may; no means that it was dropped."""

    def not_begun(self, run: Run) -> None:
        """A run that may start did not come to its handler; how it ended follows."""

    def awaits(self, run: Run, reason: str) -> None:
        """A run that may start needs a schema that nobody can tell now; it was dropped."""

    def ended(self, run: Run, ended: Ended) -> None:
        """A run has ended, or was not in time."""

    def came_late(self, run: Run, event: Event) -> None:
        """A run that was not in time has answered."""


class Runner:
    """Runs the steps of one unit.

    Args:
        steps: by name.
        resources: by class.
        codec: to decode what steps need.
        verdicts: what the end of a handler means.
        options: how many handlers run at once, how many late ones are waited for, and how many
            threads there are for sync steps with resources; 0 runs them where they stand.
        owner: told how each run ended.
    """

    def __init__(
        self,
        steps: Mapping[str, StepDefinition],
        resources: Mapping[type, object],
        codec: Codec,
        verdicts: Verdicts,
        options: Options,
        owner: Owner,
    ) -> None:
        self._steps = steps
        self._fixed = {
            name: {p: resources[r] for p, r in step.resources} for name, step in steps.items()
        }
        self._codec = codec
        self._verdicts = verdicts
        self._owner = owner
        self._pool: Threads | None = None
        if options.threads:
            self._pool = Threads(2 * options.threads, "minuet-step")  # half for late ones
        self._places = _Places(options.in_flight, options.late)
        self._threads = _Places(options.threads, options.threads)
        self._decoded: dict[tuple[str, str], Event] = {}
        self._tasks: set[asyncio.Future[Any]] = set()
        self.started = 0
        self.guard: Guard = NO_GUARD

    @property
    def active(self) -> int:
        """How many runs have started and not ended, late ones too."""
        both = (self._places, self._threads)
        return sum(places.taken + len(places.late) for places in both)

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

    async def drained(self, most_s: float) -> None:
        """Wait until nothing runs any more, but not longer than that; meanwhile nothing starts."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=most_s)

    def close(self) -> None:
        """Cancel what still runs; the log does not know of it, so it will be run again."""
        self.drop_waiting()
        for task in self._tasks:
            task.cancel()
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def _start(self, run: Run) -> None:
        if not self._owner.may_start(run) or (self.guard.suspects and self._is_stopped(run)):
            return
        run.tries += 1
        self.started += 1
        step = self._steps[run.slot.step.name]
        try:
            arguments = self._bind(step, run)
        except _CannotRead as unreadable:
            self._ended(run, Unbound(unreadable.entry, unreadable.reason))
            return
        except RegistryAway as away:  # a wait, for which nobody is to blame
            run.tries -= 1
            self.started -= 1
            self._owner.awaits(run, str(away))
            return
        except MinuetError as trouble:  # Kafka's own registry has no answer now
            self._owner.not_begun(run)
            self._ended(run, Failure("retry", in_words(trouble)))
            return
        if step.resources:
            self._outside(step, run, arguments)
        else:
            self._pure(step, run, arguments)

    def _is_stopped(self, run: Run) -> bool:
        stopped = self.guard.stops(run, self.submit)
        if isinstance(stopped, Failure):
            run.tries += 1
            self._owner.not_begun(run)
            self._ended(run, stopped)
        return bool(stopped)

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
        self.guard.begin(run)
        try:
            result = step.function(**arguments)
            if step.is_async:
                result = drive(result)
        except (Exception, SystemExit, asyncio.CancelledError) as error:
            result = self._verdicts.failure(error)
        finally:
            self.guard.end()
        if isinstance(result, Failure):
            self._ended(run, result)
        elif isinstance(result, Suspended):
            rest = self.guard.watch(run, partial(resume, result))
            self._watch(run, asyncio.get_running_loop().create_task(rest))
        else:
            self._ended(run, self._verdicts.checked(step, result))

    def _outside(self, step: StepDefinition, run: Run, arguments: dict[str, Any]) -> None:
        if step.is_async:
            coroutine = self.guard.watch(run, partial(step.function, **arguments))
            self._watch(run, asyncio.get_running_loop().create_task(coroutine))
        elif self._pool is not None:
            loop = asyncio.get_running_loop()
            call = partial(copy_context().run, partial(step.function, **arguments))
            self._watch(run, loop.run_in_executor(self._pool, self.guard.thread, run, call))
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
        call = _Call(run, step, task, places)
        loop = asyncio.get_running_loop()
        timeout = loop.call_later(step.spec.timeout_ms / 1000, self._overdue, call)

        def done(finished: asyncio.Future[Any]) -> None:
            timeout.cancel()
            self._tasks.discard(finished)
            outcome = self._verdicts.outcome(step, finished)
            if call.late:
                self._came_late(call, outcome)
            else:
                self._leave(call, outcome)

        task.add_done_callback(done)

    def _leave(self, call: _Call, ended: Ended) -> None:
        """Tell how a run ended, and give its place to the next."""
        try:
            self._ended(call.run, ended, runs_on=call.late)
        finally:
            call.places.taken -= 1
            self._fill(call.places)

    def _overdue(self, call: _Call) -> None:
        """Count the try as failed; what runs on may have an effect, so its answer is waited for.

        It gives up its place. Of too many such runs the oldest is cancelled; a thread cannot be,
        so that one too many of them keeps its place, and only tells.
        """
        call.late = True
        places = call.places
        slot = call.run.slot
        about = {"saga": call.run.key, "step": slot.step.name, "slot": slot.id}
        text = "no answer within %s ms; it is waited for beside the next try"
        _LOG.info(text, call.step.spec.timeout_ms, extra=about)
        if len(places.late) >= places.late_most and places is self._threads:
            self._ended(call.run, overdue(call.step), runs_on=True)
            return
        places.late[call] = None
        self._leave(call, overdue(call.step))
        if len(places.late) > places.late_most:
            oldest = next(iter(places.late))
            del places.late[oldest]
            oldest.task.cancel()

    def _came_late(self, call: _Call, outcome: Ended) -> None:
        places = call.places
        if self.guard.suspects:
            self.guard.cleared(call.run)
        try:
            if isinstance(outcome, Event):
                self._owner.came_late(call.run, outcome)
        finally:
            if call in places.late:
                del places.late[call]
            elif places is self._threads:
                places.taken -= 1
                self._fill(places)

    def _fill(self, places: _Places) -> None:
        while places.waiting and places.taken < places.most:
            self._start(places.waiting.popleft())

    def _ended(self, run: Run, ended: Ended, *, runs_on: bool = False) -> None:
        """Tell of an end, when those next in line are such as will end too.

        Who is told weighs how many wait; were the last of these dropped unheard, nobody would.
        """
        if self.guard.suspects:
            (self.guard.overdue if runs_on else self.guard.cleared)(run)
        for places in (self._places, self._threads):
            while places.waiting:
                following = places.waiting.popleft()
                if self._owner.may_start(following):
                    places.waiting.appendleft(following)
                    break
        self._owner.ended(run, ended)


class _CannotRead(Exception):
    def __init__(self, entry: Entry, reason: str) -> None:
        self.entry, self.reason = entry, reason
        super().__init__(reason)
