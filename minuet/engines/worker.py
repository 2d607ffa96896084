"""A worker: one unit of a workflow on a real Kafka, from start to a clean stop."""

from __future__ import annotations

import asyncio
import gc
import inspect
import logging
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from minuet.contracts.codec import Codec
from minuet.contracts.registry import Registry
from minuet.engines.crash_memory import CrashMemory
from minuet.engines.disk_stores import DiskStores
from minuet.engines.log import Log
from minuet.engines.loop import Loop
from minuet.engines.metering import MeteredLog
from minuet.engines.native import KafkaLog
from minuet.engines.quarantine import NO_GUARD, Guard, GuardedCodec, Quarantine
from minuet.engines.row_store import MemoryStores, RowStores
from minuet.engines.unit import Unit
from minuet.engines.units import Units, unit_name
from minuet.errors import UsageError
from minuet.kafka import topics
from minuet.kafka.connection import Connection, of_worker, prefix_of_worker
from minuet.kafka.identity import topic_id
from minuet.kafka.registries import registry_of
from minuet.settings.names import shadow_in
from minuet.settings.worker import Options
from minuet.spec.assemble import Form, Workflow
from minuet.spec.model import Spec
from minuet.spec.versions import unfit

_LOG = logging.getLogger("minuet.worker")

FAILPOINTS = "_MINUET_FAILPOINTS"  # a run under faults gives its own workers the folder so
COORDINATOR = "coordinator"  # in `only`, a name like a step's

# Collections of the garbage that reference counts leave. A worker keeps many live objects, and
# Python's default thresholds have them looked through so often that it was measured to cost 30 %
# of the CPU; what stands after the imports (`gc.freeze`) need not be looked through at all.
_COLLECT_AFTER = (400_000, 50, 1_000)
_CLOSE_S = 5.0
_STOPS = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True)
class Assignment:
    """Which part of a workflow a worker takes.

    Args:
        only: names of steps, and `coordinator`; empty for all.
        group: of the unit; empty for the workflow's own name, which the coordinator's unit has.
        form: of the resources.
        state: the folder of what outlives the process; None for no memory of crashes, and for
            rows that are all kept in memory.
        metered: somebody may ask for its figures.
        place: names a place in the group, which a worker started again takes over at once; empty
            for one of its own, which Kafka gives away when the session of a dead worker ends.
        failpoints: the folder where places are armed at which it dies; None for none.
        shadow: the workflow is a shadow, made to have no effects.
    """

    only: tuple[str, ...] = ()
    group: str = ""
    form: Form = "real"
    options: Options = field(default_factory=Options)
    state: Path | None = None
    metered: bool = False
    place: str = ""
    failpoints: Path | None = None
    shadow: bool = False


@dataclass(frozen=True)
class Part:
    """What an assignment comes to: steps, whether it coordinates, and its consumer group."""

    steps: frozenset[str]
    coordinates: bool
    group: str


def part_of(workflow: Workflow, assignment: Assignment) -> Part:
    """Return which part of the workflow is meant.

    Raises:
        UsageError: a name is unknown, the group does not fit, a resource lacks the form, or the
            topics are a shadow's, and the workflow is not.
    """
    _refuse_effects(workflow.spec, assignment)
    name = workflow.spec.name
    known = {*workflow.steps, COORDINATOR}
    if unknown := sorted(set(assignment.only) - known):
        message = f"{name} has no step {unknown[0]}: it has {', '.join(sorted(known))}"
        raise UsageError(message)
    taken = set(assignment.only) or known
    coordinates = COORDINATOR in taken
    own = workflow.spec.group
    typed = workflow.spec.with_prefix(assignment.group)
    group = typed or (own if coordinates else workflow.spec.named("+".join(sorted(taken))))
    if coordinates and group != own:
        message = f"the unit with the coordinator always has the group {own}: leave --group out"
        raise UsageError(message)
    if not coordinates and group == own:
        message = f"the group {own} is the coordinator's: choose another --group"
        raise UsageError(message)
    steps = frozenset(taken - {COORDINATOR})
    workflow.check_form(assignment.form, steps)
    return Part(steps, coordinates, group)


def _refuse_effects(spec: Spec, assignment: Assignment) -> None:
    """Refuse the workflow itself on a shadow's topics: it would do for real what is replayed."""
    shadow = shadow_in(spec.prefix)
    if shadow and not assignment.shadow:
        message = (
            f"the prefix {spec.prefix} is that of a shadow, and this worker would have effects: "
            f"say --shadow {shadow}, and the prefix without shadow-{shadow}."
        )
        raise UsageError(message)


def unit_of(workflow: Workflow, assignment: Assignment) -> tuple[Unit, str]:
    """Return the unit, its resources made, and its consumer group.

    Raises:
        UsageError: as `part_of`.
    """
    part = part_of(workflow, assignment)
    resources = workflow.resources(assignment.form, part.steps)
    return Unit(workflow, part.steps, part.coordinates, resources), part.group


def now_ms() -> int:
    """Return the time of this machine, ms since 1970."""
    return time.time_ns() // 1_000_000


async def run(
    workflow: Workflow,
    connection: Connection,
    assignment: Assignment,
    *,
    ready: Callable[[Loop], None] = lambda _: None,
    alone: bool = True,
) -> signal.Signals | None:
    """Run a worker until SIGTERM or SIGINT; returns which, or None when it was stopped otherwise.

    Args:
        workflow: what to run a part of.
        connection: where Kafka is.
        assignment: which part.
        ready: told once the worker begins to join its group.
        alone: the process is the worker's own: it takes the signals, and collects the garbage as
            suits it. Else it ends when its loop is stopped.

    Raises:
        BrokerError: Kafka cannot be reached, or went away for good.
        UsageError: topics are missing or wrong, or another live unit has one of the steps.
    """
    if alone:
        collect_rarely()
    of_worker.set(connection)
    prefix_of_worker.set(workflow.spec.prefix)
    unit, group = unit_of(workflow, assignment)
    topics.check(connection, workflow.spec)
    Units(connection, workflow.spec.group).refuse_overlap(unit, group)
    with guarded(assignment.state) as guard:
        return await _run(
            unit, group, connection, assignment, guard, ready, _STOPS if alone else ()
        )


def collect_rarely() -> None:
    """Have the garbage collector look at what this process keeps as rarely as that may be."""
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)


async def _run(  # noqa: PLR0913  (what one run needs)
    unit: Unit, group: str, connection: Connection, assignment: Assignment, guard: Guard,
    ready: Callable[[Loop], None], stops: Iterable[signal.Signals],
) -> signal.Signals | None:  # fmt: skip
    spec = unit.workflow.spec
    native = KafkaLog(
        connection,
        spec.log_topic,
        spec.table_topic,
        group=group,
        reads_from=spec.group,
        client_id=unit_name(unit),
        place=assignment.place,
        guarantee=assignment.options.guarantee,
    )
    log: Log = native
    if assignment.metered:
        log = cast(Log, MeteredLog(native, spec.log_topic, spec.table_topic))
    if assignment.failpoints is not None:
        log, guard = _failing(log, guard, assignment.failpoints, spec)
    loop = loop_of(unit, group, connection, assignment, guard, log)
    asyncio.get_running_loop().set_exception_handler(lambda _, found: _stop_at(loop, found))
    with _Signals(loop, stops) as signals:
        try:
            await loop.start()
            ready(loop)
            await loop.stopped.wait()
            if loop.error is not None:
                await log.close()
                raise loop.error
        finally:
            await close_resources(unit.resources.values())
    return signals.heard


def loop_of(
    unit: Unit, group: str, connection: Connection, assignment: Assignment, guard: Guard, log: Log
) -> Loop:
    """Return the loop of a unit over a log, the schemas of its events registered."""
    spec = unit.workflow.spec
    for each in unfit(spec.before, spec):
        text = "%s: its sagas in flight wait there for ever; see `minuet compat %s`"
        _LOG.warning(text, each, spec.name)
    registry = registry_of(connection, spec.schema_topic, waits=False)
    codec = _codec(unit.workflow, registry, guard)
    codec.register()  # now, rather than while the first events of each type wait
    stores = _stores(unit, group, connection, assignment)
    loop = Loop(unit, log, codec, now_ms, assignment.options, stores=stores)
    loop.runner.guard = guard
    return loop


def _failing(log: Log, guard: Guard, folder: Path, spec: Spec) -> tuple[Log, Guard]:
    """Have the worker die where a run under faults says so."""
    from minuet.engines.failpoints import FailingGuard, FailingLog, Failpoints

    points = Failpoints(folder)
    failing = FailingLog(log, spec.log_topic, spec.table_topic, points)
    return cast(Log, failing), cast(Guard, FailingGuard(guard, points))


async def close_resources(resources: Iterable[object]) -> None:
    """Close the resources that have an `aclose`; one that fails or hangs keeps nobody waiting."""
    for resource in resources:
        aclose = getattr(resource, "aclose", None)
        if inspect.iscoroutinefunction(aclose):
            try:
                await asyncio.wait_for(aclose(), _CLOSE_S)
            except Exception as trouble:
                _LOG.warning("%s was not closed: %r", type(resource).__name__, trouble)


@contextmanager
def guarded(state: Path | None) -> Iterator[Guard]:
    """Keep a journal of what runs; it stays behind when the process is killed."""
    try:
        quarantine = Quarantine(CrashMemory(state)) if state is not None else None
    except OSError as trouble:
        _LOG.warning("what kills this worker is not remembered: %s", trouble.strerror)
        quarantine = None
    if quarantine is None:
        yield NO_GUARD
        return
    try:
        yield quarantine
    finally:
        quarantine.close()


def _stores(unit: Unit, group: str, connection: Connection, assignment: Assignment) -> RowStores:
    """Where rows are kept: without a folder in memory, however many there are."""
    if assignment.state is None:
        return MemoryStores()
    topics = (unit.workflow.spec.log_topic, unit.workflow.spec.table_topic)
    ids = {topic: topic_id(connection, topic) for topic in topics}
    folder = assignment.state / "rows" / quote(group, safe="")
    return DiskStores(folder, ids, assignment.options.rows)


def _codec(workflow: Workflow, registry: Registry, guard: Guard) -> Codec:
    models = workflow.models.values()
    if isinstance(guard, Quarantine):
        return GuardedCodec(models, registry, guard)
    return Codec(models, registry)


def _stop_at(loop: Loop, found: dict[str, Any]) -> None:
    """Stop at what no code expected: going on could commit past what was not folded."""
    error = found.get("exception")
    loop.broken(error if isinstance(error, Exception) else RuntimeError(found["message"]))


class _Signals:
    """Stops a loop cleanly at these signals; a second one does not wait for handlers."""

    def __init__(self, loop: Loop, stops: Iterable[signal.Signals]) -> None:
        self.heard: signal.Signals | None = None
        self._loop = loop
        self._stops = tuple(stops)

    def __enter__(self) -> _Signals:
        running = asyncio.get_running_loop()
        for number in self._stops:
            running.add_signal_handler(number, self._stop, number)
        return self

    def _stop(self, number: signal.Signals) -> None:
        self.heard = self.heard or number
        self._task = asyncio.ensure_future(self._loop.stop())

    def __exit__(self, *_: object) -> None:
        running = asyncio.get_running_loop()
        for number in self._stops:
            with suppress(ValueError):
                running.remove_signal_handler(number)
