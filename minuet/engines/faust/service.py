"""A unit of a workflow as a part of a Faust app: it starts first and is checked before it joins."""

from __future__ import annotations

import asyncio
import logging
import sys
from contextlib import ExitStack
from json import dumps
from typing import Any
from weakref import WeakKeyDictionary

import faust
from mode import Service

from minuet.engines.faust.log import FaustLog
from minuet.engines.faust.settings import use_transport
from minuet.engines.faust.table import SagaTable
from minuet.engines.loop import Loop
from minuet.engines.unit import Unit
from minuet.engines.units import Units, unit_name
from minuet.engines.worker import (
    Assignment,
    close_resources,
    collect_rarely,
    guarded,
    loop_of,
    unit_of,
)
from minuet.errors import UsageError
from minuet.kafka import topics
from minuet.kafka.connection import Connection, of_worker, prefix_of_worker
from minuet.spec.assemble import Workflow

# What each app runs.
JOINED: WeakKeyDictionary[faust.App, Steps] = WeakKeyDictionary()

ASSIGNORS = ("roundrobin", "faust")  # by which members on Faust share partitions

_LOG = logging.getLogger("minuet.worker")


class Steps(Service):
    """Runs a unit within an app.

    Args:
        app: not started yet.
        workflow: what to run a part of.
        connection: where Kafka is.
        assignment: which part.
        alone: whether the app has nothing else to do.

    Attributes:
        engine: the loop, once it runs.
        sagas: the saga state, as a table of the app.
        json: whether to say in JSON that it is ready.
    """

    def __init__(
        self, app: faust.App, workflow: Workflow, connection: Connection, assignment: Assignment,
        *, alone: bool,
    ) -> None:  # fmt: skip
        super().__init__()
        spec = workflow.spec
        self.engine: Loop | None = None
        self.sagas = SagaTable(app, spec, lambda: self.engine)
        self._app, self._workflow, self._connection = app, workflow, connection
        self._assignment = assignment
        self._alone = alone
        self._log = FaustLog(
            app, connection, spec.log_topic, spec.table_topic, reads_from=spec.group
        )
        self.json = False
        self._guard = ExitStack()
        app.add_dependency(self)
        app.on_before_shutdown.connect(self._leave)

    async def on_start(self) -> None:
        """Check what can be, then be ready for what the app brings.

        Raises:
            UsageError: topics are missing or wrong, or another live unit has one of the steps.
            BrokerError: Kafka cannot be reached.
        """
        if self._alone:
            collect_rarely()
        of_worker.set(self._connection)
        prefix_of_worker.set(self._workflow.spec.prefix)
        self._refuse_acks()
        unit, group = unit_of(self._workflow, self._assignment)
        await asyncio.to_thread(self._check, unit, group)
        guard = self._guard.enter_context(guarded(self._assignment.state))
        made = (unit, group, self._connection, self._assignment, guard, self._log)
        self.engine = await asyncio.to_thread(loop_of, *made)
        await self.engine.start()

    def _refuse_acks(self) -> None:
        """Refuse an agent of the team that would have Faust commit positions of the log."""
        topic = self._workflow.spec.log_topic
        for agent in self._app.agents.values():
            channel: Any = agent.channel
            if topic in getattr(channel, "topics", ()) and channel.acks:
                message = (
                    f"agent {agent.name} reads {topic} with acknowledgements, by which Faust would "
                    "commit its positions: declare its topic with acks=False"
                )
                raise UsageError(message)

    def _check(self, unit: Unit, group: str) -> None:
        topics.check(self._connection, self._workflow.spec)
        units = Units(self._connection, self._workflow.spec.group)
        units.refuse_overlap(unit, group, ASSIGNORS)

    @Service.task
    async def _watch(self) -> None:
        """End the app where the loop cannot go on."""
        engine = self.engine
        assert engine is not None
        await engine.stopped.wait()
        if engine.error is not None:
            await self._app.crash(engine.error)

    @Service.task
    async def _announce(self) -> None:
        """Say once that the unit is ready."""
        engine = self.engine
        assert engine is not None
        while not engine.parts or not all(part.restored for part in engine.parts.values()):
            await asyncio.sleep(0.05)
        name, group, parts = self._workflow.spec.name, self._app.conf.id, sorted(engine.parts)
        had = f"{len(parts)} of {self._workflow.spec.partitions} partitions"
        text = f"worker {name}: ready, group {group}, {had}, on Faust"
        _LOG.info(text)
        if self._alone and sys.__stdout__ is not None:  # `sys.stdout` goes to Faust's log
            line = {"worker": name, "state": "ready", "group": group, "partitions": parts}
            sys.__stdout__.write(f"{dumps(line) if self.json else text}\n")
            sys.__stdout__.flush()

    async def _leave(self, app: Any, /, *_: Any, signal: Any, **__: Any) -> None:
        """Finish what runs and store what was folded, while the app is still in its group."""
        if app is self._app and self.engine is not None:
            await self.engine.stop()

    async def on_stop(self) -> None:
        """Close what the steps used."""
        if self.engine is not None:
            if not self.engine.stopped.is_set():
                self.engine.abandon()
            self.engine.runner.close()
            await self._log.end()  # where it broke, or was abandoned, nobody has closed it
            await close_resources(self.engine.unit.resources.values())
        self._guard.close()


def join(
    app: faust.App, workflow: Workflow, connection: Connection, assignment: Assignment,
    *, alone: bool,
) -> Steps:  # fmt: skip
    """Have an app run a unit.

    Raises:
        UsageError: the app has one already, or is started.
    """
    if app in JOINED:
        message = f"app {app} runs steps of Minuet already: one app runs one unit"
        raise UsageError(message)
    steps = Steps(app, workflow, connection, assignment, alone=alone)
    JOINED[app] = steps
    return steps


def prepare(app: faust.App, unit: Unit) -> None:
    """Let other units see what this one does, and let Faust read as Minuet needs it."""
    app.conf.broker_client_id = unit_name(unit)
    use_transport(app)
