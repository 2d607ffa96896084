"""What handlers said, heard before the loop has it: so that nothing it drops is dropped unseen.

A service may answer otherwise when it is asked again, whatever its key. So of a step that reaches
the outside a second run may say another event than the first.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from minuet.errors import UsageError
from minuet.event.model import Event
from minuet.simulation.made_up import made_up
from minuet.simulation.outside import Outside, Work, at_work
from minuet.step import Context, StepDefinition

ALIKE = 0.2  # how likely the other answer is an event of the same type
_CONTEXT = "minuet_context"  # of a step that asks for none


@dataclass(frozen=True, slots=True)
class Heard:
    """What a handler returned, and when it had begun."""

    began_ms: int
    at_ms: int
    worker: str
    saga: str
    slot: str
    type: str


@dataclass
class Hearing:
    """Hears the handlers of one run.

    Args:
        outside: draws whether an answer changes; `now_ms`: the clock.
    """

    outside: Outside
    now_ms: Callable[[], int]
    heard: list[Heard] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._begun: Counter[str] = Counter()

    def ear(self, worker: str, step: StepDefinition) -> StepDefinition:
        """Return a step that does the same, is heard, and may change its answer."""
        function, name = step.function, step.context or _CONTEXT

        def begin(named: dict[str, Any]) -> tuple[int, Context]:
            context: Context = named[name] if step.context else named.pop(name)
            began_ms = self.now_ms()
            self._begun[context.slot] += 1
            about = f"{self.outside.seed}-{context.slot}-{self._begun[context.slot]}"
            timeout_s = step.spec.timeout_ms / 1000
            at_work.set(Work(worker, began_ms, timeout_s, random.Random(about)))
            return began_ms, context

        async def waited_for(**named: Any) -> Any:
            began_ms, context = begin(named)
            said = self._perhaps_changed(step, context, await function(**named))
            return self._note(worker, began_ms, context, said)

        def at_once(**named: Any) -> Any:
            began_ms, context = begin(named)
            said = self._perhaps_changed(step, context, function(**named))
            return self._note(worker, began_ms, context, said)

        stands_in = waited_for if step.is_async else at_once
        return replace(step, function=stands_in, context=name)

    def _perhaps_changed(self, step: StepDefinition, context: Context, said: Any) -> Any:
        if not step.resources or self._begun[context.slot] < 2 or not isinstance(said, Event):
            return said
        if not self.outside.happens("changed"):
            return said
        try:
            draws = self.outside.random
            others = [model for model in step.says if not isinstance(said, model)]
            alike = draws.random() < ALIKE or not others
            model = type(said) if alike else draws.choice(others)
            return made_up(model, {}, draws.randrange(100))
        except UsageError:
            return said

    def _note(self, worker: str, began_ms: int, context: Context, said: Any) -> Any:
        if isinstance(said, Event):
            about = (worker, context.saga_id, context.slot, type(said).__name__)
            self.heard.append(Heard(began_ms, self.now_ms(), *about))
        return said
