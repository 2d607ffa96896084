"""`minuet worker`: runs a workflow, or some of its steps, on this machine."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from minuet.cli.common import (
    BootstrapOption,
    JsonOption,
    ProjectOption,
    connection,
    project_folder,
)
from minuet.cli.processes import Processes
from minuet.engines.loop import Loop
from minuet.engines.units import Units
from minuet.engines.worker import Assignment, part_of, run
from minuet.errors import UsageError
from minuet.kafka import topics
from minuet.kafka.connection import Connection
from minuet.settings.reading import read
from minuet.settings.worker import Options
from minuet.spec import project as projects
from minuet.spec.assemble import Workflow

_HELP = """Run a workflow's steps and its coordinator, until Ctrl-C or SIGTERM.

A unit is all of it, or with --only some steps (and `coordinator`, a name like a step's). Live \
units of a workflow have different steps; start more processes of the same unit to share its work. \
Stopping is clean: what runs is finished, and what was not is taken over by the next worker.

Exit 0 after SIGTERM, 130 after Ctrl-C, 1 when Kafka went away for good, 2 when something is set \
wrong.

Example: minuet worker orders --simulated --processes 2
"""
EXIT_INTERRUPTED = 130
_LOOK_S = 0.05
_COORDINATOR_S = 2.0  # between two looks for a unit with the coordinator
_PATIENCE_S = 10.0  # without a partition, after which a worker says that it has none


@dataclass(frozen=True)
class _Wish:
    """What was typed."""

    workflow: Workflow
    connection: Connection
    assignment: Assignment
    json: bool

    def say(self, state: str, text: str, **more: Any) -> None:
        """One line on standard output: for people, or as JSON."""
        from json import dumps

        name = self.workflow.spec.name
        line = {"worker": name, "state": state, "pid": os.getpid(), **more}
        typer.echo(dumps(line) if self.json else f"worker {name}: {text}")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("worker", help=_HELP)(worker)


def worker(  # noqa: PLR0913  (Typer wants a parameter for each option)
    workflow: Annotated[str, typer.Argument(help="As pyproject.toml names it.")],
    more: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="STEP…", help="Only these steps; `coordinator` is one."),
    ] = None,
    group: Annotated[
        str, typer.Option("--group", metavar="NAME", help="The unit's consumer group.")
    ] = "",
    processes: Annotated[int, typer.Option("--processes", min=1, help="So many workers.")] = 1,
    in_flight: Annotated[
        int | None,
        typer.Option("--in-flight", min=1, help="Handlers at once in each process."),
    ] = None,
    simulated: Annotated[
        bool, typer.Option("--simulated", help="Resources in their simulated form.")
    ] = False,
    ensure_topics: Annotated[
        bool, typer.Option("--ensure-topics", help="First make topics that are missing.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say more.")] = False,
    parent: Annotated[int, typer.Option("--parent", hidden=True)] = 0,
    bootstrap: BootstrapOption = "",
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Run one worker, or a parent of some."""
    signal.signal(signal.SIGTERM, _stop_at_once)
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    assignment = Assignment(
        only=_names(only, more),
        group=group,
        form="simulated" if simulated else "real",
        options=_options(project, in_flight),
    )
    loaded = projects.load(workflow, project)
    wish = _Wish(loaded, connection(bootstrap, project), assignment, json)
    _check(wish, ensure_topics=ensure_topics)
    if processes > 1:
        code = _run_many(wish, processes, verbose=verbose, project=project)
    else:
        code = asyncio.run(_run_one(wish, parent))
    raise typer.Exit(code)


def _options(project: Path | None, in_flight: int | None) -> Options:
    """How the unit runs: as it is set, but for what was typed."""
    found = read(project_folder(project)).known().settings.worker
    return found if in_flight is None else replace(found, in_flight=in_flight)


def _names(only: Sequence[str] | None, more: Sequence[str] | None) -> tuple[str, ...]:
    """Names may be given as `--only A B`, `--only A,B` and `--only A --only B`."""
    if more and not only:
        message = f"{more[0]} is too much: one worker runs one workflow"
        raise UsageError(message)
    parts = (name.strip() for text in (*(only or ()), *(more or ())) for name in text.split(","))
    names = tuple(dict.fromkeys(name for name in parts if name))
    if only and not names:
        message = "--only names no step"
        raise UsageError(message)
    return names


def _check(wish: _Wish, *, ensure_topics: bool) -> None:
    """Find what is wrong before anything is started."""
    try:
        part_of(wish.workflow, wish.assignment)
    except UsageError as error:
        if "form" not in str(error) or wish.assignment.form == "simulated":
            raise
        message = f"{error}\n  to try it out: minuet worker {wish.workflow.spec.name} --simulated"
        raise UsageError(message) from error
    spec = wish.workflow.spec
    if ensure_topics:
        topics.apply(wish.connection, topics.plan(spec))
    topics.check(wish.connection, spec)


# -- one process -----------------------------------------------------------------------------------


async def _run_one(wish: _Wish, parent: int) -> int:
    """Run a worker in this process; returns the exit code."""
    watching: list[asyncio.Task[None]] = []

    def ready(loop: Loop) -> None:
        watching.append(asyncio.create_task(_announce(wish, loop)))
        if parent:
            watching.append(asyncio.create_task(_leave_with(parent, loop)))

    try:
        heard = await run(wish.workflow, wish.connection, wish.assignment, ready=ready)
    finally:
        for task in watching:
            task.cancel()
    wish.say("stopped", "stopped")
    return EXIT_INTERRUPTED if heard is signal.SIGINT else 0


async def _announce(wish: _Wish, loop: Loop) -> None:
    """Say once that the worker is ready; before that, what it waits for."""
    name = wish.workflow.spec.name
    if not loop.coordinates:
        await _coordinator(wish)
    waited = 0.0
    while not loop.parts or not all(part.restored for part in loop.parts.values()):
        await asyncio.sleep(_LOOK_S)
        waited += _LOOK_S
        if not loop.parts and _PATIENCE_S <= waited < _PATIENCE_S + _LOOK_S:
            wish.say("waiting", "has no partition yet; other workers of its group have them all")
    part = part_of(wish.workflow, wish.assignment)
    does = sorted([*part.steps, *(["coordinator"] if part.coordinates else [])])
    text = (
        f"ready, group {part.group}, {len(loop.parts)} of {wish.workflow.spec.partitions} "
        f"partitions, {wish.assignment.form} resources, Kafka at {wish.connection.bootstrap}"
    )
    if len(does) <= len(wish.workflow.steps):
        text += f"; only {', '.join(does)}"
    wish.say(
        "ready", text, group=part.group, partitions=sorted(loop.parts), does=does,
        form=wish.assignment.form, log=f"{name}.events", bootstrap=wish.connection.bootstrap,
    )  # fmt: skip


async def _coordinator(wish: _Wish) -> None:
    """Wait until some live unit has the coordinator; without one nothing is ever undone."""
    units = Units(wish.connection, wish.workflow.spec.name)
    told = False
    while not await asyncio.to_thread(units.coordinator_is_live):
        if not told:
            name = wish.workflow.spec.name
            text = (
                f"NOT READY: no live unit has the coordinator of {name}. Steps run, but nothing "
                "is compensated, expired or ended until one has it: "
                f"start `minuet worker {name}` with --only coordinator and the steps that are left"
            )
            wish.say("no-coordinator", text)
            told = True
        await asyncio.sleep(_COORDINATOR_S)


async def _leave_with(parent: int, loop: Loop) -> None:
    """Stop when the parent is gone: a killed parent leaves no workers behind."""
    while os.getppid() == parent:
        await asyncio.sleep(1)
    await loop.stop()


def _stop_at_once(*_: object) -> NoReturn:
    """SIGTERM before there is anything to finish."""
    sys.exit(0)


# -- more than one ---------------------------------------------------------------------------------


def _run_many(wish: _Wish, count: int, *, verbose: bool, project: Path | None) -> int:
    """Run child processes of the same command; returns the worst exit code."""
    processes = Processes([_command(wish, verbose=verbose, project=project)] * count)
    with processes:
        for number, code in processes.wait():
            if code and not processes.stopping:
                text = f"process {number} ended with exit code {code}; {processes.running} run on"
                wish.say("lost", text, process=number, code=code)
    return processes.code


def _command(wish: _Wish, *, verbose: bool, project: Path | None) -> list[str]:
    assignment = wish.assignment
    command = [sys.executable, "-m", "minuet", "worker", wish.workflow.spec.name]
    command += [f"--only={name}" for name in assignment.only]
    command += ["--bootstrap", wish.connection.bootstrap, "--parent", str(os.getpid())]
    command += ["--in-flight", str(assignment.options.in_flight)]
    command += ["--group", assignment.group] if assignment.group else []
    command += ["--project", str(project)] if project else []
    for flag, wanted in (
        ("--simulated", assignment.form == "simulated"),
        ("--json", wish.json),
        ("--verbose", verbose),
    ):
        command += [flag] if wanted else []
    return command
