"""A workflow run in virtual time, with everything that may go wrong drawn from one seed.

The loop, the core, the codec and the steps are those that are deployed; only Kafka is a model. The
same seed makes the same trace, to the byte.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial

from minuet.contracts.codec import Codec
from minuet.contracts.registry import LocalRegistry
from minuet.core.plan import compile_plan
from minuet.core.row import pack
from minuet.core.state import State
from minuet.core.table import Table
from minuet.engines import virtual_time
from minuet.engines.course import Course, Stored
from minuet.engines.loop import Loop
from minuet.engines.memory import MemoryLog
from minuet.engines.model_broker import ModelBroker
from minuet.engines.model_group import Commit
from minuet.engines.simulated import Happening, Settings
from minuet.engines.unit import Unit
from minuet.event.ids import begin_id
from minuet.event.model import Event
from minuet.event.record import DIGEST, SCHEMA, Record, base_headers
from minuet.spec.assemble import Workflow

SOURCE = b"/minuet/simulation"
NEWCOMER = 1_000  # the number of a worker that comes when no other is left


@dataclass(frozen=True, repr=False)  # asyncio.Runner has the result of what it ran written out
class Outcome:
    """What was there when nothing was left to do.

    Args:
        sagas: the fold of the log, by saga.
        log, rows, letters: what was written to the topics.
        standing: the rows that compaction has left.
        tables: what each worker that was there had in memory, as rows, by its name and by saga.
        commits: of the coordinator's group, in their order.
        course: everything that happened, in its order.
        hits: how often each fault happened.
        took_ms: in virtual time.
    """

    sagas: Mapping[str, State]
    log: tuple[Stored, ...]
    rows: tuple[Stored, ...]
    letters: tuple[Stored, ...]
    standing: tuple[Stored, ...]
    tables: Mapping[str, Mapping[str, bytes]]
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
        self.broker.group(spec.group).rows_topic = spec.table_topic
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
        for at_ms, event in settings.later:
            self._time.call_later(at_ms / 1000, self.publish, event)
        await self._time.quiet()
        await asyncio.gather(*tasks)
        if settings.workers and not self.loops:  # whoever died, somebody comes after
            await self.start(NEWCOMER)
            await self._time.quiet()
        if settings.restarts and self.loops:
            await self._restart()
        took_ms, tables = self._time.now_ms() - began, self._tables()
        await self.end()
        return self.outcome(took_ms, tables)

    async def _restart(self) -> None:
        """Compact the table, as late as a broker does, and let one worker restore all of it."""
        looks = [asyncio.ensure_future(loop.look()) for loop in self.loops.values()]
        await self._time.quiet()
        for look in looks:
            look.cancel()  # of one that died meanwhile
        self.broker.note("the table is compacted, and everybody is killed")
        self.broker.compact(self.workflow.spec.table_topic)
        self.broker.hits["compacted"] += 1
        for number in list(self.loops):
            self._do(Happening(0, "kill", number))
        await self.start(NEWCOMER + 1)
        await self._time.quiet()

    async def start(self, number: int) -> None:
        """Start a worker that does the whole workflow."""
        self._started += 1
        spec, settings = self.workflow.spec, self._settings
        name = f"worker-{number}.{self._started}"
        unit = Unit(
            self._heard_by(name), frozenset(self.workflow.steps), coordinates=True,
            resources=self._resources,
        )  # fmt: skip
        self.logs[number] = log = MemoryLog(
            self.broker, name, spec.table_topic, group=spec.group, reads_from=spec.group
        )
        seed = self._seed * 1_000 + self._started
        self.loops[number] = Loop(
            unit,
            log,
            self.codec,
            self._time.now_ms,
            replace(settings.options, threads=0, look_s=0),
            seed,
            settings.stores() if settings.stores is not None else None,
            settings.turns,
        )
        await self.loops[number].start()

    def _heard_by(self, name: str) -> Workflow:
        ear, workflow = self._settings.ear, self.workflow
        if ear is None:
            return workflow
        return replace(workflow, steps={n: ear(name, one) for n, one in workflow.steps.items()})

    def publish(self, event: Event) -> None:
        """Put an event on the log, as an upstream service does."""
        spec, name = self.workflow.spec, type(event).__name__
        saga_id = str(getattr(event, spec.key_of(name)))
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
                self.broker.note(f"{self.logs[number].name} is stopped")
                return self.loops.pop(number).stop()
            case "kill":
                self.logs[number].kill()
                self.loops.pop(number).abandon()
            case "crash":
                self.logs[number].crash_after(happening.after, partial(self._crashed, number))
            case "freeze":
                self.logs[number].freeze()
            case "thaw":
                self.logs[number].thaw()
        return None

    def _crashed(self, number: int) -> None:
        self.broker.hits["crashed"] += 1
        loop = self.loops.pop(number, None)
        if loop is not None:  # it is in the midst of something
            self._time.call_soon(loop.abandon)

    async def end(self) -> None:
        """Stop every worker.

        Raises:
            Exception: the one that broke a worker.
        """
        for log in self.logs.values():
            log.spare()
        for loop in self.loops.values():
            if loop.error is not None:
                raise loop.error
            await loop.stop()

    def _tables(self) -> dict[str, dict[str, bytes]]:
        """Return what the workers have in memory now, as rows."""
        plan, found = compile_plan(self.workflow.spec), dict[str, dict[str, bytes]]()
        for number, loop in self.loops.items():
            rows = found[self.logs[number].name] = {}
            for part in loop.parts.values():
                if part.live and part.restored:
                    keys = list(part.table.keys())
                    states = [state for key in keys if (state := part.table.get(key))]
                    rows.update({state.saga_id: pack(plan, state) for state in states})
        return found

    def outcome(
        self, took_ms: int, tables: Mapping[str, Mapping[str, bytes]] | None = None
    ) -> Outcome:
        """Return what is there now; `tables`: what workers had before they were stopped."""
        spec, broker = self.workflow.spec, self.broker
        return Outcome(
            sagas={state.saga_id: state for state in self._fold()},
            log=tuple(broker.everything(spec.log_topic)),
            rows=tuple(broker.everything(spec.table_topic)),
            letters=tuple(broker.everything(spec.dead_letter_topic)),
            standing=tuple(broker.left(spec.table_topic)),
            tables=tables or {},
            commits=tuple(self._commits()),
            course=broker.course,
            hits=dict(broker.hits),
            took_ms=took_ms,
        )

    def _commits(self) -> Iterable[Commit]:
        return self.broker.group(self.workflow.spec.group).history

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
