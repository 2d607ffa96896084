"""A workflow without effects, beside the real one: topics of its own, and what was recorded.

Pure steps really run. A step with resources says what it said then, if it is asked the same; else
what it would say is unknown, and it waits for a person, as a step does that gave up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from minuet.errors import GiveUp, UnreadableValue
from minuet.event.model import Event
from minuet.event.platform import PLATFORM_EVENTS
from minuet.event.record import CAUSES, ID, SCHEMA, SLOT, TYPE
from minuet.kafka.kept import Kept
from minuet.replay.selection import Decode
from minuet.spec.assemble import Workflow
from minuet.step import Context, StepDefinition

UNKNOWN = "unknown in a shadow"
_CONTEXT = "shadow_context"


class Recorded:
    """What a log has of the sagas that are run again.

    Args:
        decode: reads its events.
    """

    def __init__(self, decode: Decode) -> None:
        self._decode = decode
        self._events: dict[bytes, tuple[str, bytes, bytes]] = {}
        self._answers: dict[tuple[str, str], tuple[bytes, list[bytes]]] = {}

    def take(self, record: Kept) -> None:
        """Take a record; of two answers of a slot the first counts."""
        headers = {name: value or b"" for name, value in record.headers}
        id, name = headers.get(ID, b""), headers.get(TYPE, b"").decode(errors="replace")
        self._events.setdefault(id, (name, headers.get(SCHEMA, b""), record.value or b""))
        slot = headers.get(SLOT, b"").decode(errors="replace")
        if slot and name not in PLATFORM_EVENTS:
            causes = [cause for cause in headers.get(CAUSES, b"").split(b",") if cause]
            self._answers.setdefault(((record.key or b"").decode(), slot), (id, causes))

    def answer(self, step: str, context: Context, given: Sequence[Event]) -> Event:
        """What the step said then.

        Raises:
            GiveUp: it has no answer there, or was asked something else.
        """
        found = self._answers.get((context.saga_id, context.idempotency_key))
        if found is None:
            message = f"{UNKNOWN}: the log has no answer of {step} to this"
            raise GiveUp(message)
        id, causes = found
        try:
            before = [self._read(cause) for cause in causes]
            said = self._read(id)
        except (KeyError, UnreadableValue):
            message = f"{UNKNOWN}: what {step} was asked, or said, cannot be read"
            raise GiveUp(message) from None
        if len(before) != len(given) or any(event not in before for event in given):
            message = f"{UNKNOWN}: {step} was asked something else"
            raise GiveUp(message)
        return said

    def _read(self, id: bytes) -> Event:
        return self._decode(*self._events[id])


def shadow_of(workflow: Workflow, name: str, recorded: Recorded | None) -> Workflow:
    """Return the workflow on topics of its own, its resources left out.

    Args:
        workflow: the real one.
        name: of the shadow.
        recorded: says what steps with resources say; None to run them on their simulated forms.
    """
    spec = replace(workflow.spec, name=f"{workflow.spec.name}.shadow-{name}")
    if recorded is None:
        return replace(workflow, spec=spec)
    steps = {
        each: _recorded(step, recorded) if step.resources else step
        for each, step in workflow.steps.items()
    }
    return replace(workflow, spec=spec, steps=steps)


def _recorded(step: StepDefinition, recorded: Recorded) -> StepDefinition:
    context = step.context or _CONTEXT
    function = _asking(step.spec.name, context, recorded)
    return replace(step, function=function, is_async=False, resources=(), context=context)


def _asking(name: str, context: str, recorded: Recorded) -> Callable[..., Any]:
    def ask(**arguments: Any) -> Event:
        about = arguments.pop(context)
        return recorded.answer(name, about, list(arguments.values()))

    return ask
