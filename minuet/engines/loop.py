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
from dataclasses import dataclass
from typing import Any

from minuet.contracts.codec import Codec
from minuet.core.decide import decide
from minuet.core.due import Slot, due
from minuet.core.plan import Plan, compile_plan
from minuet.core.settle import Failure
from minuet.core.state import Entry, Place, State, Status
from minuet.engines.checkpoint import Checkpoints
from minuet.engines.compose import Composer
from minuet.engines.flow import Flow
from minuet.engines.log import Append, Log, Position, Unreadable
from minuet.engines.partition import Partition, Run
from minuet.engines.runner import Ended, Runner
from minuet.engines.saying import Saying
from minuet.engines.timers import Timers
from minuet.errors import BrokerError
from minuet.event.record import DIGEST, SCHEMA, TYPE, Record
from minuet.settings.worker import DEFAULTS, Options
from minuet.spec.assemble import Workflow

_LOG = logging.getLogger("minuet.worker")


@dataclass(frozen=True)
class Unit:
    """What one worker does of a workflow: some steps, and perhaps the coordinator's part."""

    workflow: Workflow
    steps: frozenset[str]
    coordinates: bool
    resources: Mapping[type, object]


class Loop:
    """Runs one unit over one log; see the module's text.

    Args:
        unit: what to run.
        log: where records come from and go to.
        codec: of the workflow's events.
        clock: ms since 1970.
        options: bounds and intervals.
        seed: of the jitter; None for a random one.
    """

    def __init__(
        self,
        unit: Unit,
        log: Log,
        codec: Codec,
        clock: Callable[[], int],
        options: Options = DEFAULTS,
        seed: int | None = None,
    ) -> None:
        self.unit = unit
        self.plan: Plan = compile_plan(unit.workflow.spec)
        self.parts: dict[int, Partition] = {}
        self.folded = 0
        self.stopped: asyncio.Event = asyncio.Event()
        self.error: Exception | None = None
        self._log = log
        self._clock = clock
        self._options = options
        composer = Composer(unit.workflow.spec, codec, clock)
        jitter = random.Random(seed).random
        self._saying = Saying(self, composer, clock, jitter, self._inline_types())
        self._runner = Runner(
            {name: unit.workflow.steps[name] for name in unit.steps},
            unit.resources,
            codec,
            options,
            ended=self._ended,
            may_start=self._may_start,
        )
        self._checkpoints = Checkpoints(self, log, composer, options)
        self._flow = Flow(log, self.parts, options.window)
        self._timers = Timers(self, log, clock)
        self._stopping = False
        self._tasks: set[asyncio.Task[None]] = set()

    def _inline_types(self) -> frozenset[str]:
        """Types after whose own append a step of this unit may go on without a second read."""
        return frozenset(
            event_type
            for step in self.plan.forward
            if step.name in self.unit.steps and not step.irreversible
            for alternatives in step.spec.needs
            for event_type in alternatives
        )

    @property
    def coordinates(self) -> bool:
        """Whether this unit has the coordinator's part."""
        return self.unit.coordinates

    # -- life ------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Connect and join; returns before partitions are assigned."""
        await self._log.open(self)
        self._checkpoints.start()

    async def stop(self) -> None:
        """Finish what runs, within the grace time, checkpoint, and leave the group."""
        if not self._stopping:
            self._stopping = True
            self._flow.pause(self.parts.values())
            self._runner.drop_waiting()
            await self._drain()
            await self._last_checkpoint()
            self._end(list(self.parts))  # first, or leaving the group would ask for one more
            await self._log.close()
            self._runner.close()
        self.stopped.set()

    async def _last_checkpoint(self) -> None:
        """Store what was folded, unless Kafka does not answer: then it is folded again."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._options.grace_s):
                self._checkpoints.stop()
                await self._checkpoints.now(list(self.parts.values()))

    async def _drain(self) -> None:
        waited = 0.0
        while self._runner.active and waited < self._options.grace_s:
            await asyncio.sleep(0.02)
            waited += 0.02

    def abandon(self) -> None:
        """End as a crash does: store nothing, say nothing, finish nothing."""
        self._stopping = True
        self._end(list(self.parts))
        self._checkpoints.stop()
        self._runner.close()
        self.stopped.set()

    def broken(self, error: Exception) -> None:
        """Stop at once: the log cannot go on."""
        if self.error is None:
            self.error = error
        self._stopping = True
        self._checkpoints.stop()
        self._end(list(self.parts))
        self.stopped.set()

    # -- assignments -----------------------------------------------------------------------------

    def assigned(self, positions: Mapping[int, Position]) -> None:
        """Begin with new partitions: load their rows, then read on from the last commit."""
        for number, position in positions.items():
            part = self.parts[number] = Partition.of(self.plan, number, position)
            self.spawn(self._restore(part))
        self._flow.assigned()

    async def revoked(self, partitions: Iterable[int]) -> None:
        """Give partitions back with everything folded stored."""
        parts = [part for p in partitions if (part := self.parts.get(p)) is not None]
        await self._checkpoints.now(parts)
        self._end([part.number for part in parts])

    def lost(self, partitions: Iterable[int]) -> None:
        """Somebody else owns them by now: store nothing."""
        self._end(list(partitions))

    def _end(self, partitions: Iterable[int]) -> None:
        for number in partitions:
            part = self.parts.pop(number, None)
            if part is not None:
                part.end()

    async def _restore(self, part: Partition) -> None:
        rows = 0
        async for chunk in self._log.rows(part.number):
            if not part.live:
                return
            for key, row, offset in chunk:
                part.table.load(key.decode(), row)
                part.next_row = offset + 1
            rows += len(chunk)
        part.table.loaded()
        _LOG.info("partition %s: %s rows loaded, reading on from %s to %s",
                  part.number, rows, part.position, part.high)  # fmt: skip
        if part.live:
            self._catch_up(part)

    def _catch_up(self, part: Partition) -> None:
        """Fold what was read while the rows were loaded."""
        backlog = self._flow.loaded(part)
        if backlog:
            self.read(part.number, backlog)
        self.reached(part.number, max(part.position, part.end_read))

    async def _begin(self, part: Partition) -> None:
        """Ask each live row what is due (rule 2)."""
        for count, state in enumerate(part.table.live()):
            if not part.live:
                return
            self.act(part, state)
            if count % 200 == 199:
                await asyncio.sleep(0)

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
            elif self.coordinates:
                part.letters.add(record.offset)
                self._saying.unreadable(part, record)
        self.folded += len(records)
        self._checkpoints.count(len(records))
        part.reach(records[-1].offset + 1)
        if part.restored:
            for state in touched.values():
                self.act(part, state)
        self._restored_yet(part)
        self._weigh()

    def reached(self, partition: int, offset: int) -> None:
        """Note how far has been read, beyond the last record perhaps."""
        part = self.parts.get(partition)
        if part is not None and not part.loaded:
            part.end_read = offset
        elif part is not None and part.live:
            part.reach(offset)
            self._checkpoints.count(0)
            self._restored_yet(part)

    def _restored_yet(self, part: Partition) -> None:
        if not part.restored and part.position >= part.high:
            part.restored = True
            self._checkpoints.count(0)
            self.spawn(self._begin(part))

    def _weigh(self) -> None:
        if not self._stopping:
            self._flow.weigh(self._runner.waiting)

    # -- acting ----------------------------------------------------------------------------------

    def act(self, part: Partition, state: State) -> None:
        """Say and run what is due in a saga, as far as this unit is in charge of it."""
        if self._stopping:
            return
        if state.status.ended and not state.seen:
            part.disarm(state.saga_id)
            return
        if self.unit.coordinates:
            for say in decide(self.plan, state, part.read_through):
                self._saying.decided(part, state, say)
        for slot in due(self.plan, state, self._clock()):
            self._take_up(part, state, slot)
        self._timers.watch(part, state)

    def _take_up(self, part: Partition, state: State, slot: Slot) -> None:
        if slot.id in part.runs or slot.step.name not in self.unit.steps:
            return
        if part.rejecting and any(cause.id in part.rejecting for cause in slot.causes):
            return
        run = Run(part, state.saga_id, slot, state.status is Status.RUNNING)
        part.runs[slot.id] = run
        if slot.in_doubt and self._saying.settled(run, state):
            return
        self._runner.submit(run)

    def _may_start(self, run: Run) -> bool:
        """Look once more at what may have changed while the run waited for a place."""
        if self._flow.held_back:
            self._weigh()  # one less waits
        return self._is_wanted(run)

    def _is_wanted(self, run: Run) -> bool:
        part = run.part
        if not part.live or self._stopping:
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

    def _ended(self, run: Run, ended: Ended) -> None:
        state = run.part.table.get(run.key)
        lost = self._stopping and isinstance(ended, Failure)
        if run.part.live and state is not None and not lost:
            self._saying.ended(run, state, ended)
        if self._flow.held_back:
            self._weigh()

    def again(self, run: Run, delay_ms: int) -> None:
        """Run once more in this worker, a little later: a wait too short for the log."""
        asyncio.get_running_loop().call_later(delay_ms / 1000, self._runner.submit, run)

    def go_on(self, append: Append, offset: int) -> None:
        """Go on inline after the ack, without a second read."""
        run: Run = append.note
        part = run.part
        if self._stopping or not part.live or part.position > offset:
            return
        state = part.table.get(run.key)
        if state is None or state.status is not Status.RUNNING:
            return
        headers = dict(append.headers)
        entry = Entry(
            run.said, headers[TYPE].decode(), offset, self._clock(), headers[DIGEST].decode(),
            Place.EFFECTIVE, run.slot.id, schema=headers[SCHEMA], value=append.value,
        )  # fmt: skip
        ahead = part.go_ahead(run.key, entry)
        for slot in due(self.plan, state, self._clock(), ahead):
            if not slot.step.irreversible:
                self._take_up(part, state, slot)

    # -- appending ---------------------------------------------------------------------------------

    def append(self, part: Partition, append: Append) -> None:
        """Append for a partition, unless it is no longer ours."""
        if part.live:
            append.owner = part
            self._log.append(append)

    def failed(self, append: Append, reason: str, *, final: bool = False) -> None:
        """Repeat the same bytes: the handler does not run again. What can never be written is
        given up where it is a step's; without rows and requests nothing can go on.
        """
        part, run = append.owner, append.note
        if part is None or not part.live:
            return
        _LOG.warning("append to %s/%s: %s", append.topic, append.partition, reason)
        if not final:
            loop = asyncio.get_running_loop()
            loop.call_later(self._options.append_again_s, self.append, part, append)
        elif isinstance(run, Run) and not run.refused:
            run.refused = True
            self._ended(run, Failure("reject", reason))
        else:
            where = f"{append.topic}/{append.partition}"
            self.broken(BrokerError(f"a record for {where} is refused for good: {reason}"))

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run beside everything else; a failure stops the worker."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            self.broken(error)
