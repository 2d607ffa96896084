"""A worker: one unit of a workflow on a real Kafka, from start to a clean stop."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from minuet.contracts.codec import Codec
from minuet.engines.loop import Loop, Unit
from minuet.engines.native import KafkaLog
from minuet.engines.options import Options
from minuet.engines.units import Units, unit_name
from minuet.errors import UsageError
from minuet.kafka import topics
from minuet.kafka.connection import Connection
from minuet.kafka.registry import TopicRegistry
from minuet.spec.assemble import Form, Workflow

COORDINATOR = "coordinator"  # in `only`, a name like a step's


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


def unit_of(workflow: Workflow, assignment: Assignment) -> tuple[Unit, str]:
    """Return the unit and its consumer group.

    Raises:
        UsageError: a name is unknown, or the group does not fit.
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
    resources = workflow.resources(assignment.form)
    return Unit(workflow, steps, coordinates, resources), group


def now_ms() -> int:
    """Return the time of this machine, ms since 1970."""
    return time.time_ns() // 1_000_000


async def run(
    workflow: Workflow,
    connection: Connection,
    assignment: Assignment,
    *,
    ready: Callable[[Loop], None] = lambda _: None,
) -> None:
    """Run a worker until SIGTERM or SIGINT.

    Args:
        workflow: what to run a part of.
        connection: where Kafka is.
        assignment: which part.
        ready: told once the worker has joined its group.

    Raises:
        BrokerError: Kafka cannot be reached, or went away for good.
        UsageError: topics are missing or wrong, or another live unit has one of the steps.
    """
    unit, group = unit_of(workflow, assignment)
    spec = workflow.spec
    topics.check(connection, spec)
    units = Units(connection, spec.name)
    units.refuse_overlap(unit, group)
    codec = Codec(workflow.models.values(), TopicRegistry(connection))
    log = KafkaLog(
        connection,
        spec.log_topic,
        spec.table_topic,
        group=group,
        reads_from=spec.name,
        client_id=unit_name(unit),
    )
    loop = Loop(unit, log, codec, now_ms, assignment.options)
    with _signals(loop):
        await loop.start()
        ready(loop)
        await loop.stopped.wait()
    if loop.error is not None:
        await log.close()
        raise loop.error


class _signals:
    """Stops a loop cleanly at SIGTERM and SIGINT."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    def __enter__(self) -> None:
        running = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            running.add_signal_handler(number, self._stop)

    def _stop(self) -> None:
        self._task = asyncio.ensure_future(self._loop.stop())

    def __exit__(self, *_: object) -> None:
        running = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            with suppress(ValueError):
                running.remove_signal_handler(number)
