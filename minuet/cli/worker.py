"""`minuet worker`: runs a workflow, or some of its steps, on this machine."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from minuet.children import NOT_LET_IN
from minuet.cli.arguments import GuaranteeName, WorkflowArgument, offer_units
from minuet.cli.common import (
    BootstrapOption,
    JsonOption,
    ProjectOption,
    connection,
    project_folder,
)
from minuet.cli.logs import LogFormat, set_up
from minuet.cli.processes import leave_with
from minuet.cli.worker_many import run_many
from minuet.cli.worker_one import Wish, not_let, run_one
from minuet.cli.worker_shadow import Served
from minuet.engines.crash_memory import CrashMemory
from minuet.engines.worker import FAILPOINTS, Assignment, part_of
from minuet.errors import BrokerError, UsageError
from minuet.kafka import topics
from minuet.settings.reading import read
from minuet.settings.worker import Options
from minuet.spec import project as projects

_HELP = """Run a workflow's steps and its coordinator, until Ctrl-C or SIGTERM.

A unit is all of it, or with --only some steps (and `coordinator`, a name like a step's). Live \
units of a workflow have different steps; start more processes of the same unit to share its work. \
Stopping is clean: what runs is finished, and what was not is taken over by the next worker.

With --processes a supervisor starts them, and starts again what dies, after a growing pause; it \
gives up when that happens too often. What a process died of three times is not run again, but \
parked, and everything else goes on.

Exit 0 after SIGTERM, 130 after Ctrl-C, 1 when Kafka went away for good or a worker died too \
often, or the workflow breaks a rule of `minuet lint`, 2 when something is set wrong.

With --guarantee transactional what it writes goes into Kafka transactions: nothing stands on the \
log of a worker that has lost its partitions. It is slower, and readers wait for it.

With --shadow it serves a shadow: topics and a group of its own (shadow-NAME.…), and no effects. \
Steps with resources say what they said on the log, as it is when the worker starts; with \
--simulated they run on their simulated resources. `minuet replay --into shadow --shadow NAME` \
gives it sagas.

\b
Examples:
  minuet worker orders --simulated --processes 2 --http 9100
  minuet worker orders --guarantee transactional
  minuet worker orders --shadow friday --processes 3
"""

_LOG = logging.getLogger("minuet.worker")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("worker", help=_HELP)(worker)


def worker(  # noqa: PLR0913  (Typer wants a parameter for each option)
    workflow: WorkflowArgument,
    more: Annotated[
        list[str] | None, typer.Argument(hidden=True, autocompletion=offer_units)
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="STEP…",
            help="Only these steps; `coordinator` is one.",
            autocompletion=offer_units,
        ),
    ] = None,
    group: Annotated[
        str, typer.Option("--group", metavar="NAME", help="The unit's consumer group.")
    ] = "",
    processes: Annotated[
        int | None,
        typer.Option(
            "--processes", min=1, help="So many workers, each started again when it dies."
        ),
    ] = None,
    in_flight: Annotated[
        int | None,
        typer.Option("--in-flight", min=1, help="Handlers at once in each process."),
    ] = None,
    guarantee: Annotated[
        GuaranteeName | None,
        typer.Option("--guarantee", help="How it writes; else as it is set."),
    ] = None,
    simulated: Annotated[
        bool, typer.Option("--simulated", help="Resources in their simulated form.")
    ] = False,
    shadow: Annotated[
        str, typer.Option("--shadow", metavar="NAME", help="Serve a shadow, without effects.")
    ] = "",
    ensure_topics: Annotated[
        bool, typer.Option("--ensure-topics", help="First make topics that are missing.")
    ] = False,
    http: Annotated[
        int | None,
        typer.Option(
            "--http",
            metavar="PORT",
            min=0,
            max=65535,
            help="Serve /live, /ready and /metrics; of more processes each on the next port.",
        ),
    ] = None,
    http_host: Annotated[
        str, typer.Option("--http-host", metavar="HOST", help="Where to listen.")
    ] = "127.0.0.1",
    state: Annotated[
        str,
        typer.Option(
            "--state", metavar="FOLDER", help="Remembers what killed a worker; `none` for nothing."
        ),
    ] = "",
    log_format: Annotated[
        LogFormat, typer.Option("--log-format", help="Of the log lines on standard error.")
    ] = LogFormat.CONSOLE,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say more.")] = False,
    parent: Annotated[int, typer.Option("--parent", hidden=True)] = 0,
    place: Annotated[str, typer.Option("--place", hidden=True)] = "",
    bootstrap: BootstrapOption = "",
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Run one worker, or a parent of some."""
    signal.signal(signal.SIGTERM, _stop_at_once)
    set_up(log_format, verbose=verbose)
    loaded = projects.load(workflow, project)
    if not parent:
        from minuet.cli.lint import check_rules  # only now: it takes 0.1 s of each start

        check_rules(loaded, project_folder(project))
    kafka = connection(bootstrap, project)
    served = Served(loaded, shadow, kafka, simulated=simulated, quiet=json) if shadow else None
    loaded = served.workflow if served else loaded
    assignment = Assignment(
        only=_names(only, more),
        group=group,
        form="simulated" if simulated else "real",
        options=_options(project, in_flight, guarantee),
        state=_state(state, project_folder(project), loaded.spec.group),
        metered=http is not None,
        place=place,
        failpoints=_failpoints() if parent else None,
        shadow=bool(shadow),
    )
    address = None if http is None else (http_host, http)
    wish = Wish(loaded, kafka, assignment, json, address, shadow)
    try:
        _check(wish, ensure_topics=ensure_topics or bool(shadow))
    except BrokerError as refused:
        if not parent:
            raise
        raise typer.Exit(not_let(refused, NOT_LET_IN)) from refused
    if processes is not None:
        if parent:
            leave_with(parent)
        logs = ["--log-format", log_format.value, *(["--verbose"] if verbose else [])]
        raise typer.Exit(run_many(wish, processes, logs=logs, project=project))
    with served or nullcontext():
        raise typer.Exit(asyncio.run(run_one(wish, parent)))


def _state(typed: str, project: Path, group: str) -> Path | None:
    """Return the folder of what outlives the process; None when there is none to be had."""
    if typed:
        return None if typed == "none" else CrashMemory(Path(typed) / group).folder
    try:
        return CrashMemory(project / ".minuet" / "worker" / group).folder
    except UsageError as refused:  # as in a container that is read-only
        _LOG.warning("what kills a worker is not remembered: %s", refused)
        return None


def _failpoints() -> Path | None:
    """Return the folder by which a run under faults has its own workers die; None otherwise."""
    folder = os.environ.get(FAILPOINTS)
    return Path(folder) if folder else None


def _options(
    project: Path | None, in_flight: int | None, guarantee: GuaranteeName | None
) -> Options:
    """How the unit runs: as it is set, but for what was typed."""
    found = read(project_folder(project)).known().settings.worker
    if in_flight is not None:
        found = replace(found, in_flight=in_flight)
    return found if guarantee is None else replace(found, guarantee=guarantee.value)


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


def _check(wish: Wish, *, ensure_topics: bool) -> None:
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


def _stop_at_once(*_: object) -> NoReturn:
    """SIGTERM before there is anything to finish."""
    sys.exit(0)
