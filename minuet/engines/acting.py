"""Acting: what is due in a saga is said and run, as far as this unit is in charge of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from minuet.contracts.codec import Codec
from minuet.core.decide import Say, decide
from minuet.core.due import Slot, due
from minuet.core.plan import Plan
from minuet.core.settle import Failure
from minuet.core.state import Entry, Place, State, Status
from minuet.engines.awaited import Awaited
from minuet.engines.flow import Flow
from minuet.engines.gates import Gates
from minuet.engines.log import Append
from minuet.engines.partition import Partition, Run
from minuet.engines.runner import Runner
from minuet.engines.saying import Saying
from minuet.engines.silence import Held
from minuet.engines.timers import Timers
from minuet.engines.unit import Unit
from minuet.engines.verdict import Ended, Verdicts
from minuet.errors import RegistryAway
from minuet.event.model import Event
from minuet.event.record import DIGEST, ID, SCHEMA, TYPE
from minuet.settings.worker import Options


@dataclass(frozen=True)
class Hands:
    """What acting is done with."""

    saying: Saying
    flow: Flow
    timers: Timers
    gates: Gates
    held: Held
    awaited: Awaited


class Acting:
    """Acts on the sagas of one loop.

    Args:
        unit: which steps, and whether it coordinates; `plan`: of its workflow.
        hands: what it is done with.
        codec: to decode what steps need.
        clock: ms since 1970.
        options: bounds.

    Attributes:
        stopping: nothing more is begun.
    """

    def __init__(
        self,
        unit: Unit,
        plan: Plan,
        hands: Hands,
        codec: Codec,
        clock: Callable[[], int],
        options: Options,
    ) -> None:
        self.stopping = False
        self.runner = Runner(
            {name: unit.workflow.steps[name] for name in unit.steps},
            unit.resources,
            codec,
            Verdicts(unit.workflow.saga.categories),
            options,
            self,
        )
        self._unit = unit
        self._plan = plan
        self._saying = hands.saying
        self._flow = hands.flow
        self._timers = hands.timers
        self._gates = hands.gates
        self._held = hands.held
        self._awaited = hands.awaited
        self._clock = clock

    def act(self, part: Partition, state: State) -> None:
        """Say and run what is due in a saga."""
        if self.stopping:
            return
        if state.status.ended and not state.seen:
            part.disarm(state.saga_id)
            return
        if self._unit.coordinates:
            for say in decide(self._plan, state, part.read_through):
                self._decided(part, state, say)
        for slot in due(self._plan, state, self._clock()):
            self._take_up(part, state, slot)
        self._timers.watch(part, state)

    def _decided(self, part: Partition, state: State, say: Say) -> None:
        try:
            self._saying.decided(part, state, say)
        except RegistryAway as away:  # of an event whose fields are copied
            self._awaited.add(part, state.saga_id, str(away))

    def _take_up(self, part: Partition, state: State, slot: Slot) -> None:
        if slot.id in part.runs or not self._unit.runs(slot.step.spec):
            return
        if part.rejecting and any(cause.id in part.rejecting for cause in slot.causes):
            return
        run = Run(part, state.saga_id, slot, state.status is Status.RUNNING, round=state.round)
        part.runs[slot.id] = run
        if slot.in_doubt and self._saying.settled(run, state):
            return
        if self._gates.admits(run):
            self.runner.submit(run)
        else:
            del part.runs[slot.id]

    def may_start(self, run: Run) -> bool:
        """Look once more at what may have changed while the run waited for a place."""
        if self._flow.held_back:
            self.weigh()  # one less waits
        if not self._is_wanted(run):
            self._gates.dropped(run)
            return False
        if self._gates.turns_away(run):
            if run.tries:
                self._wait(run, "the service failed for others meanwhile")
            else:
                run.part.runs.pop(run.slot.id, None)
            return False
        return not self._held.holds(run, self.runner.submit)

    def _is_wanted(self, run: Run) -> bool:
        part = run.part
        if not part.live or self.stopping or run.answered or run.refused:
            return False
        state = part.table.get(run.key)
        if state is None or run.slot.id in state.answers:
            part.runs.pop(run.slot.id, None)
            return False
        if run.running and state.failing:
            part.runs.pop(run.slot.id, None)
            if run.tries:
                part.started.add(run.slot.id)
            self.act(part, state)
            return False
        return True

    def not_begun(self, run: Run) -> None:
        """Note that a run was let through and its handler never called: no word on its service."""
        self._gates.dropped(run)

    def awaits(self, run: Run, reason: str) -> None:
        """Ask its saga again later: a schema is not to be had now."""
        part = run.part
        self._gates.dropped(run)
        part.runs.pop(run.slot.id, None)
        if run.tries:
            part.started.add(run.slot.id)
        if part.live and not self.stopping:
            self._awaited.add(part, run.key, reason)

    def ended(self, run: Run, ended: Ended) -> None:
        """Say how a run ended."""
        self._gates.ended(run, ended)
        state = run.part.table.get(run.key)
        lost = self.stopping and isinstance(ended, Failure)
        if run.part.live and state is not None and not lost:
            self._saying.ended(run, state, ended)
        if self._flow.held_back:
            self.weigh()

    def came_late(self, run: Run, event: Event) -> None:
        """Say what a run answered after its timeout: what it did must not be lost."""
        state = run.part.table.get(run.key)
        if run.part.live and state is not None:
            self._saying.late(run, state, event)

    def refused(self, run: Run, reason: str) -> None:
        """Say that what a run said will never be on the log."""
        state = run.part.table.get(run.key)
        if run.part.live and state is not None and not self.stopping:
            self._saying.refused(run, state, reason)

    def weigh(self) -> None:
        """Hold back reading or go on, by how many runs wait for a place."""
        if not self.stopping:
            self._flow.weigh(self.runner.waiting)

    def again(self, run: Run, delay_ms: int, error: str) -> None:
        """Run once more in this worker, a little later: a wait too short for the log.

        For a service that is down that is too soon, and the wait is long.
        """
        if self._gates.is_closed(run):
            asyncio.get_running_loop().call_later(delay_ms / 1000, self._resubmit, run, error)
        else:
            self._wait(run, error)

    def _resubmit(self, run: Run, error: str) -> None:
        if not self._is_wanted(run):
            return
        if self._gates.admits_again(run):
            self.runner.submit(run)
        else:
            self._wait(run, error)

    def _wait(self, run: Run, error: str) -> None:
        state = run.part.table.get(run.key)
        if state is not None and run.part.live and not self.stopping:
            self._saying.waits(run, state, self._gates.left_ms(run), error)

    def go_on(self, append: Append, offset: int) -> None:
        """Go on inline after the ack, without a second read."""
        run: Run = append.note
        part = run.part
        if self.stopping or not part.live or part.position > offset:
            return
        state = part.table.get(run.key)
        if state is None or state.status is not Status.RUNNING:
            return
        if run.slot.id in state.answers or run.round != state.round:
            return  # another try's answer was first, or it is of a round that is over
        headers = dict(append.headers)
        known, kind, digest = (headers[name].decode() for name in (ID, TYPE, DIGEST))
        entry = Entry(
            known, kind, offset, self._clock(), digest, Place.EFFECTIVE, run.slot.id,
            schema=headers[SCHEMA], value=append.value,
        )  # fmt: skip
        ahead = part.go_ahead(state, entry)
        for slot in due(self._plan, state, self._clock(), ahead):
            if not slot.step.irreversible:
                self._take_up(part, state, slot)
