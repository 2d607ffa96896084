"""Services that fail: every resource of a workflow, with trouble drawn at each call.

A call that names an idempotency key (`key=` or `idempotency_key=`) is taken to have an effect, and
noted when it is carried out.
"""

from __future__ import annotations

import asyncio
import inspect
import random
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from minuet.simulation.scenario import STORM_MS, Trouble

KEYS = ("key", "idempotency_key")
USUAL_S = 0.005  # a call takes up to so long
SLOW_S = 3.0
LATE_S = 0.6


@dataclass(frozen=True, slots=True)
class Work:
    """A run of a handler: whose, since when, how long its step waits, and what draws for it.

    Each run draws by itself, so that the others may be left out and nothing changes for it.
    """

    worker: str
    began_ms: int
    timeout_s: float
    random: random.Random


at_work: ContextVar[Work | None] = ContextVar("at_work", default=None)


@dataclass(frozen=True, slots=True)
class Effect:
    """A call that was carried out under an idempotency key.

    In a simulation it is known for which worker, and when its handler had begun.
    """

    at_ms: int
    name: str
    key: str
    worker: str = ""
    began_ms: int = 0


@dataclass
class Outside:
    """The services of one run.

    Args:
        seed: of what is drawn.
        trouble: shares of what goes wrong.
        now_ms: the clock; `until_ms`: when trouble is over.
        timeout_s: longer than any step waits.
    """

    seed: int
    trouble: Trouble
    now_ms: Callable[[], int]
    timeout_s: float
    effects: list[Effect] = field(default_factory=list)
    hits: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._random = random.Random(f"outside-{self.seed}")
        self._until_ms = self.now_ms() + STORM_MS

    def around(self, resource: type, service: object) -> object:
        """Return a service that fails as drawn, in the place of one that does not."""
        return _Service(self, resource.__name__, service)

    @property
    def random(self) -> random.Random:
        """What draws for the handler that runs now."""
        work = at_work.get()
        return work.random if work is not None else self._random

    def happens(self, name: str) -> bool:
        """Draw whether this goes wrong now."""
        share = getattr(self.trouble, name)
        if not share or self.now_ms() > self._until_ms or self.random.random() >= share:
            return False
        self.hits[f"service {name}"] = self.hits.get(f"service {name}", 0) + 1
        return True

    def done(self, name: str, arguments: dict[str, Any]) -> None:
        """Note that a call was carried out."""
        key = next((str(arguments[name]) for name in KEYS if name in arguments), "")
        if key:
            work = at_work.get()
            whose = (work.worker, work.began_ms) if work is not None else ()
            self.effects.append(Effect(self.now_ms(), name, key, *whose))

    def usual_s(self) -> float:
        """Draw how long a call takes that nothing is wrong with."""
        return self.random.uniform(0, USUAL_S)

    def late_s(self) -> float:
        """Draw how long a late one takes: about as long as its step waits, or a little longer."""
        work = at_work.get()
        waits_s = work.timeout_s if work is not None else self.timeout_s
        return waits_s + self.random.uniform(-USUAL_S, LATE_S)

    def slow_s(self) -> float:
        """Draw how long a slow one takes."""
        return self.random.uniform(0, SLOW_S)


class _Refused(ConnectionError):
    """Nothing was done."""


class _Dropped(ConnectionError):
    """It was done, and the answer was lost."""


class _Service:
    """Stands in for a resource: its methods fail as the outside draws."""

    def __init__(self, outside: Outside, name: str, service: object) -> None:
        self._outside, self._name, self._service = outside, name, service

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._service, name)
        if not callable(found) or name.startswith("_"):
            return found
        called = f"{self._name}.{name}"
        is_async = inspect.iscoroutinefunction(found)
        call = self._waited_for(called, found) if is_async else self._at_once(called, found)
        setattr(self, name, call)  # the next time it is there
        return call

    def _waited_for(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        outside = self._outside

        @wraps(method)
        async def call(*arguments: Any, **named: Any) -> Any:
            await asyncio.sleep(outside.usual_s())
            if outside.happens("refused"):
                raise _Refused(name)
            answer = await method(*arguments, **named)
            outside.done(name, named)
            if outside.happens("slow"):
                await asyncio.sleep(outside.slow_s())
            if outside.happens("late"):
                await asyncio.sleep(outside.late_s())
            if outside.happens("dropped"):
                raise _Dropped(name)
            return answer

        return call

    def _at_once(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        outside = self._outside

        @wraps(method)
        def call(*arguments: Any, **named: Any) -> Any:
            if outside.happens("refused"):
                raise _Refused(name)
            answer = method(*arguments, **named)
            outside.done(name, named)
            if outside.happens("dropped"):
                raise _Dropped(name)
            return answer

        return call
