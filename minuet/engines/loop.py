"""The loop: reads the log, folds, runs what is due, appends what was said. It decides nothing.

Written once for every log. Reading, folding, running and appending go on independently: nothing
waits for a batch, and a slow handler holds up nobody else. All of it happens on one thread, the
asyncio loop's; only the log and the handlers may use others.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from minuet.contracts.codec import Codec
from minuet.core.plan import Plan, compile_plan
from minuet.core.state import State
from minuet.engines.acting import Acting, Hands
from minuet.engines.assignments import Assignments
from minuet.engines.awaited import Awaited
from minuet.engines.calls import Calls
from minuet.engines.checkpoint import Checkpoints
from minuet.engines.compose import Composer
from minuet.engines.flow import Flow
from minuet.engines.gates import BreakerView, Gates
from minuet.engines.letters import Letters
from minuet.engines.log import Append, Log, Position, Unreadable
from minuet.engines.partition import NOWHERE, Partition, Run
from minuet.engines.rebuilds import Rebuilds
from minuet.engines.row_store import MemoryStores, RowStores
from minuet.engines.runner import Runner
from minuet.engines.saying import Saying
from minuet.engines.silence import Held
from minuet.engines.timers import Timers
from minuet.engines.turns import TURNS, Turns
from minuet.engines.unit import Unit
from minuet.errors import BrokerError
from minuet.event.record import TYPE, Record
from minuet.settings.worker import DEFAULTS, Options

_LOG = logging.getLogger("minuet.worker")


class Loop:
    """Runs one unit over one log; see the module's text.

    Args:
        unit: what to run.
        log: where records come from and go to.
        codec: of the workflow's events.
        clock: ms since 1970.
        options: bounds and intervals.
        seed: of the jitter; None for a random one.
        stores: where rows are kept.
        turns: for how long a look through many sagas keeps others waiting.
    """

    def __init__(  # noqa: PLR0913  (one seam each)
        self,
        unit: Unit,
        log: Log,
        codec: Codec,
        clock: Callable[[], int],
        options: Options = DEFAULTS,
        seed: int | None = None,
        stores: RowStores | None = None,
        turns: Turns = TURNS,
    ) -> None:
        self.unit = unit
        self.plan: Plan = compile_plan(unit.workflow.spec)
        self.parts: dict[int, Partition] = {}
        self.folded = 0
        self.joined = False
        self.stopped: asyncio.Event = asyncio.Event()
        self.error: Exception | None = None
        self._log = log
        self._clock = clock
        self._options = options
        composer = Composer(unit.workflow.spec, codec, clock)
        jitter = random.Random(seed).random
        self._letters = Letters(self, log, composer)
        self._saying = Saying(self, composer, self._letters, clock, jitter, self._inline_types())
        self._checkpoints = Checkpoints(self, log, composer, self._letters, options, turns)
        self._flow = Flow(log, self.parts, options.window)
        self._gates = Gates(self, unit, options, clock)
        self._calls = Calls(self, log, options, clock, turns)
        timers = self._timers = Timers(self, log, self._calls, clock)
        held, awaited = Held(self, log), Awaited(self)
        hands = Hands(self._saying, self._flow, timers, self._gates, held, awaited)
        self._acting = Acting(unit, self.plan, hands, codec, clock, options)
        rows = MemoryStores() if stores is None else stores
        self._rebuilds = Rebuilds(self, log, rows, self._checkpoints, turns)
        self._assignments = Assignments(
            self, log, self._flow, self._calls, rows, self._rebuilds, turns
        )
        self._tasks: set[asyncio.Task[None]] = set()

    def _inline_types(self) -> frozenset[str]:
        """Types after whose own append a step of this unit may go on without a second read."""
        return frozenset(
            event_type
            for plan in (self.plan, *self.plan.older.values())
            for step in plan.forward
            if step.name in self.unit.steps and not step.irreversible
            for alternatives in step.spec.needs
            for event_type in alternatives
        )

    @property
    def coordinates(self) -> bool:
        """Whether this unit has the coordinator's part."""
        return self.unit.coordinates

    @property
    def runner(self) -> Runner:
        """What runs the handlers."""
        return self._acting.runner

    @property
    def log(self) -> Log:
        """Where records come from and go to."""
        return self._log

    @property
    def stopping(self) -> bool:
        """Whether nothing more is begun; what runs may still end."""
        return self._acting.stopping

    def breakers(self) -> list[BreakerView]:
        """Return how the circuit breakers of this worker stand."""
        return self._gates.view()

    # -- life ------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Connect and join; returns before partitions are assigned."""
        await self._log.open(self)
        self._checkpoints.start()

    async def stop(self) -> None:
        """Finish what runs, within the grace time, checkpoint, and leave the group."""
        if not self._acting.stopping:
            self._acting.stopping = True
            self._flow.pause(self.parts.values())
            self._acting.runner.drop_waiting()
            await self._acting.runner.drained(self._options.grace_s)
            await self._last_checkpoint()
            self._end_all()  # first, or leaving the group would ask for one more
            await self._log.close()
            self._acting.runner.close()
        self.stopped.set()

    async def look(self) -> None:
        """Look for rows that another writer left behind ours, as the loop does every so often."""
        await self._checkpoints.look()

    async def _last_checkpoint(self) -> None:
        """Store what was folded, unless Kafka does not answer: then it is folded again."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._options.grace_s):
                self._checkpoints.stop()
                await self._checkpoints.now(list(self.parts.values()))

    def abandon(self) -> None:
        """End as a crash does: store nothing, say nothing, finish nothing."""
        self._acting.stopping = True
        self._end_all()
        self._checkpoints.stop()
        self._acting.runner.close()
        self.stopped.set()

    def broken(self, error: Exception) -> None:
        """Stop at once: the log cannot go on."""
        if self.error is None:
            self.error = error
        self._acting.stopping = True
        self._checkpoints.stop()
        self._end_all()
        self.stopped.set()

    def _end_all(self) -> None:
        self._assignments.end(list(self.parts))

    # -- assignments -----------------------------------------------------------------------------

    def assigned(self, positions: Mapping[int, Position]) -> None:
        """Begin with new partitions."""
        self._acting.runner.guard.learn()
        self.joined = True
        self._assignments.assigned(positions)

    async def revoked(self, partitions: Iterable[int]) -> None:
        """Give partitions back with everything folded stored."""
        parts = [part for p in partitions if (part := self.parts.get(p)) is not None]
        await self._checkpoints.now(parts)
        still = [part.number for part in parts if self.parts.get(part.number) is part]
        self._assignments.end(still)  # one that was lost, and given anew meanwhile, goes on

    def lost(self, partitions: Iterable[int]) -> None:
        """Somebody else owns them by now: store nothing."""
        self.joined = False
        self._assignments.end(list(partitions))

    # -- reading ---------------------------------------------------------------------------------

    def read(self, partition: int, records: Sequence[Record | Unreadable]) -> None:
        """Fold records of the log, then do what has become due."""
        part = self.parts.get(partition)
        if part is None or not part.live:
            return
        if not part.loaded:
            self._flow.put_off(part, records)
            return
        touched: dict[str, State] = {}
        for record in records:
            if isinstance(record, Record):
                touched[record.key] = part.fold(record)
                if record.type in self._timers.types:
                    self._timers.came(part, record)
            elif not self._rebuilds.asked(part, record) and self.coordinates:
                part.letters.add(record.offset)
                self._saying.unreadable(part, record)
        self._timers.read(part)
        self.folded += len(records)
        self._checkpoints.count(len(records))
        part.reach(records[-1].offset + 1)
        if part.restored:
            for state in touched.values():
                self.act(part, state)
            if part.table.unreadable:
                self._rebuilds.is_whole(part)
        self._assignments.restored_yet(part)
        self._acting.weigh()

    def reached(self, partition: int, offset: int) -> None:
        """Note how far has been read, beyond the last record perhaps."""
        self._assignments.reached(partition, offset)
        self._checkpoints.count(0)

    def uncommitted(self, partitions: Iterable[int]) -> None:
        """Commit again: where nothing more happens, nothing else would."""
        for number in partitions:
            if number in self.parts:
                self.parts[number].committed = NOWHERE
        self._checkpoints.count(0)

    # -- acting ----------------------------------------------------------------------------------

    def act(self, part: Partition, state: State) -> None:
        """Say and run what is due in a saga, as far as this unit is in charge of it."""
        self._acting.act(part, state)

    def again(self, run: Run, delay_ms: int, error: str) -> None:
        """Run once more in this worker, a little later: a wait too short for the log."""
        self._acting.again(run, delay_ms, error)

    def go_on(self, append: Append, offset: int) -> None:
        """Go on inline after the ack, without a second read."""
        self._acting.go_on(append, offset)

    def called(self, partition: int, key: str) -> None:
        """Ask a saga what is due."""
        self._calls.called(partition, key)

    def put_off(self, append: Append, offset: int) -> None:
        """A wait stands on the log."""
        self._calls.put_off(append, offset)

    # -- appending ---------------------------------------------------------------------------------

    def append(self, part: Partition, append: Append) -> None:
        """Append for a partition, unless it is no longer ours."""
        if part.live:
            append.owner = part
            if append.then is not None:
                append.then.owner = part
            self._log.append(append)

    def failed(self, append: Append, reason: str, *, final: bool = False) -> None:
        """Repeat the same bytes: the handler does not run again. What can never be written is
        given up where it is a step's answer, and shortened where it is a dead letter; without rows
        and requests nothing can go on.
        """
        part, run = append.owner, append.note
        if part is None or not part.live:
            return
        _LOG.warning("append to %s/%s: %s", append.topic, append.partition, reason)
        if append.topic in self.plan.spec.retry_topics:
            return  # only a call: a look through the table makes it good
        if not final:
            loop = asyncio.get_running_loop()
            loop.call_later(self._options.append_again_s, self.append, part, append)
        elif append.topic == self.plan.spec.dead_letter_topic:
            self._letters.refused(part, append, reason)
        elif isinstance(run, Run) and dict(append.headers)[TYPE] != b"StepGaveUp":
            self._acting.refused(run, reason)
        else:
            where = f"{append.topic}/{append.partition}"
            self.broken(BrokerError(f"a record for {where} is refused for good: {reason}"))

    async def is_member(self) -> bool:
        """Ask whether the group still has this member."""
        return await self._log.is_member()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run beside everything else; a failure stops the worker."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            self.broken(error)
