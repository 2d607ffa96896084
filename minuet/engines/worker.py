"""A worker: one unit of a workflow on a real Kafka, from start to a clean stop."""

from __future__ import annotations

import asyncio
import gc
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from minuet.contracts.codec import Codec
from minuet.engines.loop import Loop, Unit
from minuet.engines.native import KafkaLog
from minuet.engines.units import Units, unit_name
from minuet.errors import UsageError
from minuet.kafka import topics
from minuet.kafka.connection import Connection
from minuet.kafka.registry import TopicRegistry
from minuet.settings.worker import Options
from minuet.spec.assemble import Form, Workflow

COORDINATOR = "coordinator"  # in `only`, a name like a step's

# Collections of the garbage that reference counts leave. A worker keeps many live objects, and
# Python's default thresholds have them looked through so often that it was measured to cost 30 %
# of the CPU; what stands after the imports (`gc.freeze`) need not be looked through at all.
_COLLECT_AFTER = (100_000, 50, 1_000)


@dataclass(frozen=True)
class Assignment:
    """Which part of a workflow a worker takes.

    Args:
        only: names of steps, and `coordinator`; empty for all.
        group: of the unit; empty for the workflow's own name, which the coordinator's unit has.
        form: of the resources.
    """

    only: tuple[str, ...] = ()
    group: str = ""
    form: Form = "real"
    options: Options = field(default_factory=Options)


@dataclass(frozen=True)
class Part:
    """What an assignment comes to: steps, whether it coordinates, and its consumer group."""

    steps: frozenset[str]
    coordinates: bool
    group: str


def part_of(workflow: Workflow, assignment: Assignment) -> Part:
    """Return which part of the workflow is meant.

    Raises:
        UsageError: a name is unknown, the group does not fit, or a resource lacks the form.
    """
    name = workflow.spec.name
    known = {*workflow.steps, COORDINATOR}
    if unknown := sorted(set(assignment.only) - known):
        message = f"{name} has no step {unknown[0]}: it has {', '.join(sorted(known))}"
        raise UsageError(message)
    taken = set(assignment.only) or known
    coordinates = COORDINATOR in taken
    group = assignment.group or (name if coordinates else f"{name}.{'+'.join(sorted(taken))}")
    if coordinates and group != name:
        message = f"the unit with the coordinator always has the group {name}: leave --group out"
        raise UsageError(message)
    if not coordinates and group == name:
        message = f"the group {name} is the coordinator's: choose another --group"
        raise UsageError(message)
    steps = frozenset(taken - {COORDINATOR})
    workflow.check_form(assignment.form, steps)
    return Part(steps, coordinates, group)


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
) -> signal.Signals | None:
    """Run a worker until SIGTERM or SIGINT; returns which, or None when it was stopped otherwise.

    Args:
        workflow: what to run a part of.
        connection: where Kafka is.
        assignment: which part.
        ready: told once the worker begins to join its group.

    Raises:
        BrokerError: Kafka cannot be reached, or went away for good.
        UsageError: topics are missing or wrong, or another live unit has one of the steps.
    """
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)
    unit, group = unit_of(workflow, assignment)
    spec = workflow.spec
    topics.check(connection, spec)
    units = Units(connection, spec.name)
    units.refuse_overlap(unit, group)
    codec = Codec(workflow.models.values(), TopicRegistry(connection))
    codec.register()  # now, rather than while the first events of each type wait
    log = KafkaLog(
        connection,
        spec.log_topic,
        spec.table_topic,
        group=group,
        reads_from=spec.name,
        client_id=unit_name(unit),
    )
    loop = Loop(unit, log, codec, now_ms, assignment.options)
    asyncio.get_running_loop().set_exception_handler(lambda _, found: _stop_at(loop, found))
    with _Signals(loop) as signals:
        await loop.start()
        ready(loop)
        await loop.stopped.wait()
    if loop.error is not None:
        await log.close()
        raise loop.error
    return signals.heard


def _stop_at(loop: Loop, found: dict[str, Any]) -> None:
    """Stop at what no code expected: going on could commit past what was not folded."""
    error = found.get("exception")
    loop.broken(error if isinstance(error, Exception) else RuntimeError(found["message"]))


class _Signals:
    """Stops a loop cleanly at SIGTERM and SIGINT; a second one does not wait for handlers."""

    def __init__(self, loop: Loop) -> None:
        self.heard: signal.Signals | None = None
        self._loop = loop

    def __enter__(self) -> _Signals:
        running = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            running.add_signal_handler(number, self._stop, number)
        return self

    def _stop(self, number: signal.Signals) -> None:
        self.heard = self.heard or number
        self._task = asyncio.ensure_future(self._loop.stop())

    def __exit__(self, *_: object) -> None:
        running = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            with suppress(ValueError):
                running.remove_signal_handler(number)
