"""One worker process: runs, says on standard output where it stands, and leaves with its parent."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import typer

from minuet.children import NOT_LET_IN, NOT_LET_ON
from minuet.cli.processes import leave_with
from minuet.engines.loop import Loop
from minuet.engines.units import Units
from minuet.engines.worker import Assignment, part_of, run
from minuet.errors import BrokerError
from minuet.health.standing import Standing
from minuet.kafka.connection import Connection
from minuet.kafka.groups import described
from minuet.spec.assemble import Workflow

EXIT_INTERRUPTED = 130
_LOOK_S = 0.05
_COORDINATOR_S = 2.0  # between two looks for a unit with the coordinator
_COORDINATOR_AGAIN_S = 15.0  # once one was seen
_PATIENCE_S = 10.0  # without a partition, after which a worker says that it has none


@dataclass(frozen=True)
class Wish:
    """What was typed; `http` is where health and metrics are served: host and port.

    `shadow` is the name of the shadow that is served, if one is.
    """

    workflow: Workflow
    connection: Connection
    assignment: Assignment
    json: bool
    http: tuple[str, int] | None = None
    shadow: str = ""

    @property
    def form(self) -> str:
        """What steps with resources run on."""
        real = self.assignment.form == "real"
        return "recorded" if self.shadow and real else self.assignment.form

    def say(self, state: str, text: str, **more: Any) -> None:
        """One line on standard output: for people, or as JSON."""
        from json import dumps

        name = self.workflow.spec.name
        line = {"worker": name, "state": state, "pid": os.getpid(), **more}
        typer.echo(dumps(line) if self.json else f"worker {name}: {text}")


async def run_one(wish: Wish, parent: int) -> int:
    """Run a worker in this process; returns the exit code."""
    if parent:
        leave_with(parent)
    listening = _listen(wish)
    watching: list[asyncio.Task[None]] = []
    standings: list[Standing] = []

    def ready(loop: Loop) -> None:
        standing = Standing(loop, coordinated=loop.coordinates)
        standings.append(standing)
        watching.append(asyncio.create_task(_announce(wish, standing)))
        if listening is not None:
            watching.append(asyncio.create_task(_serve(standing, listening)))

    try:
        heard = await run(wish.workflow, wish.connection, wish.assignment, ready=ready)
    except BrokerError as refused:
        if not parent:
            raise
        return not_let(refused, NOT_LET_ON if any(s.was_ready for s in standings) else NOT_LET_IN)
    finally:
        for task in watching:
            task.cancel()
    wish.say("stopped", "stopped")
    return EXIT_INTERRUPTED if heard is signal.SIGINT else 0


def not_let(refused: BrokerError, code: int) -> int:
    """Say that Kafka does not let a child work; by the code its parent knows what to do."""
    sys.stderr.write(f"minuet: {refused}\n")
    return code


def _listen(wish: Wish) -> socket.socket | None:
    if wish.http is None:
        return None
    from minuet.health.server import listen  # only now: it takes 0.2 s

    return listen(*wish.http)


async def _serve(standing: Standing, listening: socket.socket) -> None:
    from minuet.health.server import serve

    host, port = listening.getsockname()[:2]
    standing.address = f"{host}:{port}"
    await serve(standing, listening)


async def _announce(wish: Wish, standing: Standing) -> None:
    """Say once that the worker is ready; before that, what it waits for."""
    loop = standing.loop
    if not loop.coordinates:
        await _coordinator(wish, standing)
    waited = 0.0
    while not loop.parts or not all(part.restored for part in loop.parts.values()):
        await asyncio.sleep(_LOOK_S)
        waited += _LOOK_S
        if not loop.parts and _PATIENCE_S <= waited < _PATIENCE_S + _LOOK_S:
            wish.say("waiting", "has no partition yet; other workers of its group have them all")
    part = part_of(wish.workflow, wish.assignment)
    does = sorted([*part.steps, *(["coordinator"] if part.coordinates else [])])
    kind = "answers, no resources" if wish.form == "recorded" else "resources"
    text = (
        f"ready, group {part.group}, {len(loop.parts)} of {wish.workflow.spec.partitions} "
        f"partitions, {wish.form} {kind}, Kafka at {wish.connection.bootstrap}"
    )
    if standing.address:
        text += f", health at http://{standing.address}"
    if len(does) <= len(wish.workflow.steps):
        text += f"; only {', '.join(does)}"
    standing.was_ready = True
    wish.say(
        "ready", text, group=part.group, partitions=sorted(loop.parts), does=does,
        http=standing.address, form=wish.form, log=wish.workflow.spec.log_topic,
        bootstrap=wish.connection.bootstrap,
    )  # fmt: skip
    if loop.coordinates and wish.workflow.spec.imports:
        await asyncio.to_thread(_look_for_importer, wish)
    while not loop.coordinates and wish.http is not None:
        await asyncio.sleep(_COORDINATOR_AGAIN_S)
        await _coordinator(wish, standing)


def _look_for_importer(wish: Wish) -> None:
    """Say, if it is so, that what the workflow imports is brought by nobody."""
    spec = wish.workflow.spec
    with suppress(BrokerError):
        [group] = described(wish.connection, [spec.import_group])
        if not group.members:
            names = ", ".join(each.type for each in spec.imports)
            text = "nobody imports %s now: run `minuet import %s`"
            logging.getLogger("minuet.worker").warning(text, names, spec.name)


async def _coordinator(wish: Wish, standing: Standing) -> None:
    """Wait until some live unit has the coordinator; without one nothing is ever undone."""
    units = Units(wish.connection, wish.workflow.spec.group)
    told = False
    while not (live := await asyncio.to_thread(_sees, units)):
        if live is not None:
            standing.coordinated = False
        if live is not None and not told:
            name = wish.workflow.spec.name
            text = (
                f"NOT READY: no live unit has the coordinator of {name}. Steps run, but nothing "
                "is compensated, expired or ended until one has it: "
                f"start `minuet worker {name}` with --only coordinator and the steps that are left"
            )
            wish.say("no-coordinator", text)
            told = True
        await asyncio.sleep(_COORDINATOR_S)
    standing.coordinated = True


def _sees(units: Units) -> bool | None:
    """Whether a unit has it; None when Kafka does not say, which the loop itself will notice."""
    try:
        return units.coordinator_is_live()
    except BrokerError:
        return None
