"""One step run on given events, without effects.

A pure step really runs. One with resources runs on their simulated forms where that is asked for;
else nobody knows what it would say, and that is the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from minuet.contracts.codec import Codec
from minuet.core.due import Slot
from minuet.core.settle import Failure
from minuet.core.state import Entry
from minuet.engines.driving import Suspended, drive, resume
from minuet.engines.verdict import Ended, Unbound, Verdicts, overdue
from minuet.engines.virtual_time import NothingToDo, VirtualTime
from minuet.errors import UnreadableValue
from minuet.event.model import Event
from minuet.spec.assemble import Workflow
from minuet.step import Context, StepDefinition


@dataclass(frozen=True, slots=True)
class Unknown:
    """What a step would say cannot be known here; `why` is for people."""

    why: str


Tried = Event | Failure | Unbound | Unknown
"""What a run comes to: an event, a failure (its category and words), a value that cannot be read,
or that it is unknown."""

_DECODED_MOST = 2_000


class Steps:
    """The steps of a workflow, run one at a time and without effects.

    Args:
        workflow: whose steps they are.
        codec: for its events.
        simulated: names of the steps with resources that run on their simulated forms.

    Raises:
        UsageError: a resource of one of these has no simulated form.
    """

    def __init__(self, workflow: Workflow, codec: Codec, simulated: Collection[str] = ()) -> None:
        self._steps = workflow.steps
        self._simulated = frozenset(simulated)
        wanted = [name for name, step in workflow.steps.items() if name in self._simulated]
        self._resources: Mapping[type, object] = {}
        if wanted:
            self._resources = workflow.given({}).resources("simulated", wanted)
        self._verdicts = Verdicts(workflow.saga.categories)
        self._decode = lru_cache(_DECODED_MOST)(codec.decode)
        self._runner: asyncio.Runner | None = None

    def runs(self, name: str) -> bool:
        """Whether a step is run here: it is pure, or its simulated resources were asked for."""
        return not self._steps[name].resources or name in self._simulated

    def run(self, slot: Slot, saga_id: str, attempt: int = 1, traceparent: str = "") -> Tried:
        """Run the step of a slot on its causes; nothing is written anywhere.

        Args:
            slot: as the state has it due.
            saga_id: of its saga.
            attempt: which one it is, as its context says.
            traceparent: of its saga.
        """
        step = self._steps[slot.step.name]
        if not self.runs(step.spec.name):
            return Unknown(f"{step.spec.name} has resources, and they were not asked")
        found = []
        for cause in slot.causes:
            event = self._event(cause)
            if isinstance(event, Unbound):
                return event
            found.append(event)
        now = datetime.fromtimestamp(max(cause.time for cause in slot.causes) / 1000, UTC)
        context = Context(saga_id, slot.id, attempt, step.spec.name, now, traceparent)
        return self.run_on(step.spec.name, found, context)

    def run_on(self, name: str, events: Sequence[Event], context: Context) -> Tried:
        """Run a step on events, one for each of its event parameters, in their order."""
        step = self._steps[name]
        if not self.runs(name):
            return Unknown(f"{name} has resources, and they were not asked")
        arguments: dict[str, Any] = {p: self._resources[r] for p, r in step.resources}
        arguments.update(zip((parameter for parameter, _ in step.needs), events, strict=True))
        if step.context is not None:
            arguments[step.context] = context
        return self._ended(step, arguments)

    def reads(self, cause: Entry) -> bool:
        """Whether the value of an event can be read."""
        return not isinstance(self._event(cause), Unbound)

    def close(self) -> None:
        """Let go of the loop that suspended steps ran in."""
        runner, self._runner = self._runner, None
        if runner is not None:
            with suppress(NothingToDo):  # of what does not even end when it is told to
                runner.close()

    def _event(self, cause: Entry) -> Event | Unbound:
        if cause.value is None:
            return Unbound(cause, "its bytes are no longer kept")
        try:
            return self._decode(cause.type, cause.schema, cause.value)
        except UnreadableValue as bad:
            return Unbound(cause, str(bad))

    def _ended(self, step: StepDefinition, arguments: dict[str, Any]) -> Tried:
        try:
            result = step.function(**arguments)
            if step.is_async:
                result = self._through(step, result)
        except (Exception, SystemExit, asyncio.CancelledError) as error:
            return self._verdicts.failure(error)
        if isinstance(result, Failure | Unknown):
            return result
        checked: Ended = self._verdicts.checked(step, result)
        return checked

    def _through(self, step: StepDefinition, coroutine: Any) -> Any:
        """Drive a coroutine to its end; where it waits, time passes at once."""
        if not step.resources:
            coroutine = drive(coroutine)
            if not isinstance(coroutine, Suspended):
                return coroutine
            coroutine = resume(coroutine)
        if self._runner is None:
            self._runner = asyncio.Runner(loop_factory=VirtualTime)
        waits = asyncio.wait_for(coroutine, step.spec.timeout_ms / 1000)
        try:
            return self._runner.run(waits)
        except TimeoutError:
            return overdue(step)
        except NothingToDo:
            self.close()
            return Unknown(f"{step.spec.name} waits for what is not there in a rehearsal")
