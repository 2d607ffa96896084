"""A workflow run in virtual time, with everything that may go wrong drawn from one seed.

The loop, the core, the codec and the steps are those that are deployed; only Kafka is a model. The
same seed makes the same trace, to the byte.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Literal

from minuet.contracts.codec import Codec
from minuet.contracts.registry import LocalRegistry
from minuet.core.plan import compile_plan
from minuet.core.state import State
from minuet.core.table import Table
from minuet.engines import virtual_time
from minuet.engines.course import Course, Stored
from minuet.engines.loop import Loop
from minuet.engines.memory import MemoryLog
from minuet.engines.model_broker import NO_FAULTS, Commit, Faults, ModelBroker
from minuet.engines.row_store import RowStores
from minuet.engines.unit import Unit
from minuet.event.ids import begin_id
from minuet.event.model import Event
from minuet.event.record import DIGEST, SCHEMA, Record, base_headers
from minuet.settings.worker import Options
from minuet.spec.assemble import Form, Workflow

SOURCE = b"/minuet/simulation"
NEWCOMER = 1_000  # the number of a worker that comes when no other is left


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that is done to a worker, by its number, `at_ms` after the start."""

    at_ms: float
    what: Literal["start", "stop", "kill", "freeze", "thaw"]
    worker: int


@dataclass(frozen=True, slots=True)
class Settings:
    """How a simulation is run.

    Args:
        workers: that start at once, numbered from 0.
        spread_ms: over which the events are published, evenly.
        options: of each worker; handlers never run in threads here. A look for rows every so often
            would never end: here there is none.
        stores: where workers keep rows, all on one machine; None for memory.
        form: of the resources; `around`: what stands in for each, given its class and itself.
    """

    workers: int = 2
    faults: Faults = NO_FAULTS
    script: tuple[Happening, ...] = ()
    spread_ms: int = 0
    options: Options = field(default_factory=Options)
    stores: RowStores | None = None
    form: Form = "simulated"
    around: Callable[[type, object], object] | None = None


@dataclass(frozen=True, repr=False)  # asyncio.Runner has the result of what it ran written out
class Outcome:
    """What was there when nothing was left to do.

    Args:
        sagas: the fold of the log, by saga.
        log, rows, letters: what stands in the topics.
        commits: of the coordinator's group, in their order.
        course: everything that happened, in its order.
        hits: how often each fault happened.
        took_ms: in virtual time.
    """

    sagas: Mapping[str, State]
    log: tuple[Stored, ...]
    rows: tuple[Stored, ...]
    letters: tuple[Stored, ...]
    commits: tuple[Commit, ...]
    course: Course
    hits: Mapping[str, int]
    took_ms: int

    @cached_property
    def trace(self) -> tuple[str, ...]:
        """Everything that happened, a line for each."""
        return tuple(self.course.lines())

    @cached_property
    def digest(self) -> str:
        """A digest of all that was written, and of the order in which all happened."""
        return self.course.digest()


def simulate(
    workflow: Workflow, seed: int, *, events: Iterable[Event], settings: Settings | None = None
) -> Outcome:
    """Run workers on some events until nothing is left to do.

    Args:
        workflow: what to run, all of it in each worker.
        seed: of everything that is drawn.
        events: to be published; each has the workflow's key.
        settings: workers, and what happens to them.

    Raises:
        NothingToDo: something waits for what nobody will do.
    """
    chosen = settings or Settings()

    async def simulated() -> Outcome:
        return await Simulation(workflow, seed, chosen).run(tuple(events))

    return virtual_time.run(simulated())


class Simulation:
    """A model broker and the workers on it; made inside of virtual time.

    Args:
        workflow, seed, settings: see `simulate`.
    """

    def __init__(self, workflow: Workflow, seed: int, settings: Settings) -> None:
        self.workflow = workflow
        self.codec = _codec(tuple(workflow.models.values()))
        self.loops: dict[int, Loop] = {}
        self.logs: dict[int, MemoryLog] = {}
        self._seed = seed
        self._settings = settings
        self._time = virtual_time.running()
        spec, around = workflow.spec, settings.around
        self.broker = ModelBroker(
            spec.partitions, spec.log_topic, self._time.now_ms, seed=seed, faults=settings.faults
        )
        self.broker.group(spec.name).rows_topic = spec.table_topic
        made = workflow.resources(settings.form)
        self._resources = {r: around(r, one) if around else one for r, one in made.items()}
        self._started = 0

    async def run(self, events: Sequence[Event]) -> Outcome:
        """Publish events, let everything happen, and return what is there at the end.

        Raises:
            NothingToDo: something waits for what nobody will do.
        """
        settings, began = self._settings, self._time.now_ms()
        for number in range(settings.workers):
            await self.start(number)
        tasks = [asyncio.ensure_future(self.happen(one)) for one in settings.script]
        for number, event in enumerate(events):
            delay = settings.spread_ms / 1000 * number / len(events)
            self._time.call_later(delay, self.publish, event)
        await self._time.quiet()
        await asyncio.gather(*tasks)
        if settings.workers and not self.loops:  # whoever died, somebody comes after
            await self.start(NEWCOMER)
            await self._time.quiet()
        took_ms = self._time.now_ms() - began
        await self.end()
        return self.outcome(took_ms)

    async def start(self, number: int) -> None:
        """Start a worker that does the whole workflow."""
        self._started += 1
        spec, settings = self.workflow.spec, self._settings
        steps = frozenset(self.workflow.steps)
        unit = Unit(self.workflow, steps, coordinates=True, resources=self._resources)
        self.logs[number] = log = MemoryLog(
            self.broker, f"worker-{number}.{self._started}", spec.table_topic,
            group=spec.name, reads_from=spec.name,
        )  # fmt: skip
        seed = self._seed * 1_000 + self._started
        self.loops[number] = Loop(
            unit,
            log,
            self.codec,
            self._time.now_ms,
            replace(settings.options, threads=0, look_s=0),
            seed,
            settings.stores,
        )
        await self.loops[number].start()

    def publish(self, event: Event) -> None:
        """Put an event on the log, as an upstream service does."""
        spec, name = self.workflow.spec, type(event).__name__
        saga_id = str(getattr(event, spec.key))
        encoded = self.codec.encode(event)
        identity = begin_id(spec.name, name, saga_id)
        headers = base_headers(identity, name, SOURCE, self._time.now_ms())
        headers += [(SCHEMA, encoded.schema), (DIGEST, encoded.digest)]
        key = saga_id.encode()
        partition = self.broker.partition(key)
        self.broker.store(spec.log_topic, partition, key, encoded.value, headers)

    async def happen(self, happening: Happening) -> None:
        """Wait for its time, then do it."""
        await asyncio.sleep(happening.at_ms / 1000)
        done = self._do(happening)
        if done is not None:
            await done

    def _do(self, happening: Happening) -> Awaitable[None] | None:
        number = happening.worker
        match happening.what:
            case "start":
                return self.start(number)
            case "stop":
                return self.loops.pop(number).stop()
            case "kill":
                self.logs[number].kill()
                self.loops.pop(number).abandon()
            case "freeze":
                self.logs[number].freeze()
            case "thaw":
                self.logs[number].thaw()
        return None

    async def end(self) -> None:
        """Stop every worker.

        Raises:
            Exception: the one that broke a worker.
        """
        for loop in self.loops.values():
            if loop.error is not None:
                raise loop.error
            await loop.stop()

    def outcome(self, took_ms: int) -> Outcome:
        """Return what is there now."""
        spec, broker = self.workflow.spec, self.broker
        return Outcome(
            sagas={state.saga_id: state for state in self._fold()},
            log=tuple(broker.everything(spec.log_topic)),
            rows=tuple(broker.everything(spec.table_topic)),
            letters=tuple(broker.everything(spec.dead_letter_topic)),
            commits=tuple(self._commits()),
            course=broker.course,
            hits=dict(broker.hits),
            took_ms=took_ms,
        )

    def _commits(self) -> Iterable[Commit]:
        return self.broker.group(self.workflow.spec.name).history

    def _fold(self) -> Iterable[State]:
        """Fold the log anew, from its beginning."""
        plan = compile_plan(self.workflow.spec)
        for number in range(self.broker.partitions):
            table = Table(plan)
            there = self.broker.records(self.broker.log, number)
            for record in self.broker.read(number, 0, len(there)):
                if isinstance(record, Record):
                    table.fold(record)
            for key in table.keys():  # noqa: SIM118 (a table is no mapping)
                if (state := table.get(key)) is not None:
                    yield state


@lru_cache(maxsize=16)
def _codec(models: tuple[type[Event], ...]) -> Codec:
    """Make a codec, once for many runs: what it remembers is a function of the models."""
    return Codec(models, LocalRegistry())
