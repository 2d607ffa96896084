"""Gates: where the slots of a step wait whose circuit breaker is open, and only they.

What waits takes no attempt, says nothing to the log, and has no place in the runner. Of a bounded
number it is known who waits; all others are left to the state, and found again in the table.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from minuet.core.state import State
from minuet.engines.breaker import Breaker, Circuit
from minuet.engines.partition import Partition, Run
from minuet.engines.unit import Unit
from minuet.engines.verdict import Ended
from minuet.settings.worker import Options

KNOWN_MOST = 10_000  # sagas that are known to wait at one gate: about 1 MB
SLICE = 100  # of them asked before others get their turn
PAUSE_S = 0.02  # of a look through the table that is far ahead of the runs

_LOG = logging.getLogger("minuet.worker")


class Actor(Protocol):
    """What gates want of the loop."""

    parts: dict[int, Partition]

    def act(self, part: Partition, state: State) -> None:
        """Say and run what is due in a saga."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run beside everything else; a failure stops the worker."""


@dataclass(frozen=True, slots=True)
class BreakerView:
    """A breaker as others see it.

    Args:
        state: `closed`, `open` or `half-open`; `since`: ms since 1970.
        failures: in a row, which opened it or may yet; `error`: the last of them.
        waiting: sagas that wait for it in this worker; `more`: others do too, uncounted.
    """

    name: str
    state: str
    since: int
    failures: int
    error: str
    waiting: int
    more: bool


@dataclass(eq=False)
class _Gate:
    breaker: Breaker
    waiting: dict[tuple[Partition, str], None] = field(default_factory=dict)
    more: bool = False
    pumping: bool = False
    looking: asyncio.Task[None] | None = None


class Gates:
    """The gates of one loop, one for each breaker.

    Args:
        actor: the loop.
        unit: the steps that are run.
        options: how many handlers run at once; one breaker's have half of that.
        clock: ms since 1970.
    """

    def __init__(
        self, actor: Actor, unit: Unit, options: Options, clock: Callable[[], int]
    ) -> None:
        self._actor = actor
        self._clock = clock
        self._gates: dict[str, _Gate] = {}
        specs = {spec.name: spec for spec in unit.workflow.spec.breakers}
        by_name: dict[str, _Gate] = {}
        for name in sorted(unit.steps):
            step = unit.workflow.steps[name]
            blocks = step.resources and not step.is_async and options.threads
            most = max(1, (options.threads if blocks else options.in_flight) // 2)
            if step.spec.breaker:
                new = _Gate(Breaker(specs[step.spec.breaker], most, clock()))
                gate = self._gates[name] = by_name.setdefault(step.spec.breaker, new)
                gate.breaker.most = min(gate.breaker.most, most)
        self._by_name: Mapping[str, _Gate] = by_name

    def view(self) -> list[BreakerView]:
        """Return how every breaker stands."""
        return [
            BreakerView(
                name, str(one.circuit), one.since, one.failures, one.error, len(gate.waiting),
                gate.more,
            )
            for name, gate in self._by_name.items()
            for one in (gate.breaker,)
        ]  # fmt: skip

    def admits(self, run: Run) -> bool:
        """Let a run through, or have its saga wait until it is asked again."""
        gate = self._gates.get(run.slot.step.name)
        if gate is None:
            return True
        if gate.breaker.has_room:
            gate.breaker.let_through(run)
            return True
        self._wait(gate, run)
        return False

    def admits_again(self, run: Run) -> bool:
        """Let a run through that was tried, unless the service is down."""
        gate = self._gates.get(run.slot.step.name)
        if gate is None:
            return True
        if gate.breaker.circuit is Circuit.CLOSED or gate.breaker.has_room:
            gate.breaker.let_through(run)
            return True
        return False

    def is_closed(self, run: Run) -> bool:
        """Whether nothing speaks against another try soon."""
        gate = self._gates.get(run.slot.step.name)
        return gate is None or gate.breaker.circuit is Circuit.CLOSED

    def left_ms(self, run: Run) -> int:
        """Return for how long it is useless to try."""
        gate = self._gates.get(run.slot.step.name)
        return gate.breaker.left_ms(self._clock()) if gate is not None else 0

    def turns_away(self, run: Run) -> bool:
        """Whether a run must not start that was let through, and waited for a place since.

        Its saga waits here; one that was tried is for the caller to put off.
        """
        gate = self._gates.get(run.slot.step.name)
        if gate is None or not gate.breaker.is_stopped(run):
            return False
        gate.breaker.dropped(run)
        if not run.tries:
            self._wait(gate, run)
        return True

    def dropped(self, run: Run) -> None:
        """Note that a run was let through and not started."""
        gate = self._gates.get(run.slot.step.name)
        if gate is not None:
            gate.breaker.dropped(run)
            self._pump_soon(gate)

    def ended(self, run: Run, ended: Ended) -> None:
        """Note how a run ended."""
        gate = self._gates.get(run.slot.step.name)
        if gate is None or run not in gate.breaker.running:
            return
        before = gate.breaker.circuit
        if gate.breaker.ended(run, ended, self._clock()):
            self._changed(gate, before)
        self._pump_soon(gate)

    def _changed(self, gate: _Gate, before: Circuit) -> None:
        breaker = gate.breaker
        is_open = breaker.circuit is Circuit.OPEN
        name = breaker.spec.name
        _LOG.warning("%s -> %s", before, breaker.circuit, extra={"breaker": name})
        if is_open:
            loop = asyncio.get_running_loop()
            loop.call_later(breaker.spec.open_ms / 1000, self._half_open, gate)

    def _half_open(self, gate: _Gate) -> None:
        before = gate.breaker.circuit
        gate.breaker.half_open(self._clock())
        self._changed(gate, before)
        self._pump_soon(gate)

    def _wait(self, gate: _Gate, run: Run) -> None:
        if len(gate.waiting) < KNOWN_MOST:
            gate.waiting[run.part, run.key] = None
        else:
            gate.more = True

    # -- letting in what waits -------------------------------------------------------------------

    def _pump_soon(self, gate: _Gate) -> None:
        """Ask those that wait, in a turn of its own: what is asked may end at once."""
        if not gate.pumping and gate.breaker.has_room and (gate.waiting or gate.more):
            gate.pumping = True
            asyncio.get_running_loop().call_soon(self._pump, gate)

    def _pump(self, gate: _Gate) -> None:
        gate.pumping = False
        for _ in range(SLICE):
            if not gate.waiting or not gate.breaker.has_room:
                break
            part, key = next(iter(gate.waiting))
            del gate.waiting[part, key]
            state = part.table.get(key) if part.live else None
            if state is not None:
                self._actor.act(part, state)
        if gate.more and not gate.waiting and gate.looking is None and gate.breaker.has_room:
            gate.looking = self._actor.spawn(self._look(gate))
        elif gate.waiting:
            self._pump_soon(gate)

    async def _look(self, gate: _Gate) -> None:
        """Ask all live sagas: some of them wait, and nobody knows which."""
        try:
            gate.more = False
            for part in list(self._actor.parts.values()):
                for count, state in enumerate(part.table.live()):
                    while part.live and len(gate.waiting) >= KNOWN_MOST // 2:
                        await asyncio.sleep(PAUSE_S)
                        if gate.breaker.circuit is Circuit.OPEN:
                            gate.more = True
                            return
                    if not part.live:
                        break
                    self._actor.act(part, state)
                    if count % SLICE == SLICE - 1:
                        await asyncio.sleep(0)
        finally:
            gate.looking = None
