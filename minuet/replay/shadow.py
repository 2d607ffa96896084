"""A workflow without effects, beside the real one: topics of its own, and what was recorded.

Pure steps really run. A step with resources says what it said then, if it is asked the same; else
what it would say is unknown, and it waits for a person, as a step does that gave up. What counts as
asked the same is a matter of the recording: the same rule as in `minuet whatif`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from minuet.contracts.codec import Codec
from minuet.core.plan import compile_plan
from minuet.errors import ContractError, GiveUp, UnreadableValue, UsageError
from minuet.event.model import Event
from minuet.event.record import REASON, SCHEMA, Record
from minuet.rehearsal.contents import Contents
from minuet.rehearsal.recording import GAVE_UP, Inputs, Recording
from minuet.spec.assemble import Workflow
from minuet.spec.model import Spec
from minuet.step import Context, StepDefinition

UNKNOWN = "unknown in a shadow"
_CONTEXT = "shadow_context"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,39}")
_FOLDED_MOST = 1_000  # sagas


class Recorded:
    """What steps said then.

    Args:
        spec: of the workflow, not of its shadow.
        codec: of its events; its registry knows the schemas of what was recorded.
        records: of a saga, all of them, in their order; none of one that was not recorded.
    """

    def __init__(
        self, spec: Spec, codec: Codec, records: Callable[[str], Sequence[Record]]
    ) -> None:
        self._plan, self._codec, self._records = compile_plan(spec), codec, records
        self._contents = Contents(codec)
        self._recording = lru_cache(_FOLDED_MOST)(self._folded)

    def answer(self, step: StepDefinition, context: Context, given: Sequence[Event]) -> Event:
        """What the step said then.

        Raises:
            GiveUp: it gave up then; or it has no answer, or was asked something else.
        """
        name = step.spec.name
        found = self._reply(name, context, given)
        if found.type == GAVE_UP:
            message = f"{name} gave up then, too: {found.text(REASON)}"
            raise GiveUp(message)
        if found.type not in step.spec.says:
            message = f"{UNKNOWN}: {name} said {found.type}, which it may not say now"
            raise GiveUp(message)
        try:
            return self._codec.decode(found.type, found.headers.get(SCHEMA, b""), found.value)
        except UnreadableValue:
            message = f"{UNKNOWN}: what {name} said cannot be read"
            raise GiveUp(message) from None

    def _reply(self, step: str, context: Context, given: Sequence[Event]) -> Record:
        slot = context.idempotency_key
        recording = self._recording(context.saga_id)
        found = recording.reply(slot, self._inputs(step, given)) if recording else None
        if found is not None:
            return found
        if recording is not None and recording.has_said(slot):
            message = f"{UNKNOWN}: {step} was asked something else"
            raise GiveUp(message)
        message = f"{UNKNOWN}: the log has no answer of {step} to this"
        raise GiveUp(message)

    def _inputs(self, step: str, given: Sequence[Event]) -> Inputs:
        try:
            found = sorted((type(each).__name__, self._contents.of(each)) for each in given)
        except ContractError:
            message = f"{UNKNOWN}: what {step} was asked cannot be compared"
            raise GiveUp(message) from None
        return step, tuple(found)

    def _folded(self, saga: str) -> Recording | None:
        records = self._records(saga)
        return Recording(self._plan, records, self._contents) if records else None


def shadow_of(workflow: Workflow, name: str, recorded: Recorded | None) -> Workflow:
    """Return the workflow on topics and groups of its own, its resources left out.

    Its names are those of the workflow behind another prefix, so that whatever looks at a workflow
    looks at its shadow too.

    Args:
        workflow: the real one.
        name: of the shadow.
        recorded: says what steps with resources say; None to run them on their simulated forms.

    Raises:
        UsageError: there can be no shadow of that name.
    """
    if not _NAME.fullmatch(name):
        message = f"--shadow {name}: write letters, digits and dashes, at most 40 of them"
        raise UsageError(message)
    spec = replace(workflow.spec, prefix=f"{workflow.spec.prefix}shadow-{name}.")
    if recorded is None:
        return replace(workflow, spec=spec)
    steps = {
        each: _recorded(step, recorded) if step.resources else step
        for each, step in workflow.steps.items()
    }
    return replace(workflow, spec=spec, steps=steps)


def _recorded(step: StepDefinition, recorded: Recorded) -> StepDefinition:
    context = step.context or _CONTEXT
    function = _asking(step, context, recorded)
    return replace(step, function=function, is_async=False, resources=(), context=context)


def _asking(step: StepDefinition, context: str, recorded: Recorded) -> Callable[..., Any]:
    def ask(**arguments: Any) -> Event:
        about = arguments.pop(context)
        return recorded.answer(step, about, list(arguments.values()))

    return ask
