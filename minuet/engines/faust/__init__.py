"""Minuet's steps on faust-streaming: an app for a workflow, or steps for an app that is there.

`pip install minuet[faust]`; `app = app_of("orders")` in a module, and `faust -A MODULE worker`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import faust

from minuet.engines.faust.service import JOINED, Steps, join, prepare
from minuet.engines.faust.settings import new_app
from minuet.engines.faust.table import SagaTable
from minuet.engines.units import unit_name
from minuet.engines.worker import Assignment, unit_of
from minuet.errors import UsageError
from minuet.kafka.connection import Connection
from minuet.settings.file import folder_of
from minuet.settings.reading import read
from minuet.settings.worker import Options
from minuet.spec import project as projects
from minuet.spec.assemble import Form, Workflow

__all__ = ["SagaTable", "Steps", "app_of", "attach", "steps_of"]


def app_of(
    workflow: Workflow | str, *, only: Sequence[str] = (), group: str = "", form: Form = "real",
    bootstrap: str = "", project: Path | None = None,
) -> faust.App:  # fmt: skip
    """Make a Faust app that runs a workflow, or some of its steps, and nothing else.

    Args:
        workflow: or its name in the project.
        only: names of steps, and `coordinator`; empty for all.
        group: of the unit; empty for the usual one.
        form: of the resources.
        bootstrap: the broker; else as it is set.
        project: the folder that holds pyproject.toml; else the nearest above.

    Raises:
        UsageError: a name is unknown, no broker is named, or Faust has no such login.
    """
    folder = folder_of(project)
    loaded, options, connection = _of(workflow, folder, project, bootstrap)
    assignment = Assignment(tuple(only), group, form, options, _state(folder, loaded))
    unit, name = unit_of(loaded, assignment)
    app = new_app(connection, name, unit_name(unit), folder / ".minuet" / "faust" / name)
    join(app, loaded, connection, assignment, alone=True)
    return app


def attach(
    app: faust.App, workflow: Workflow | str, *, only: Sequence[str] = (), form: Form = "real",
    connection: Connection | None = None, project: Path | None = None,
) -> Steps:  # fmt: skip
    """Have an app that is there run steps of a workflow too, from its start on.

    The app's id is the unit's consumer group: with the coordinator that is the workflow's name.

    Args:
        app: of the team; not started yet.
        workflow: or its name in the project.
        only: names of steps, and `coordinator`; empty for all.
        form: of the resources.
        connection: where Kafka is; else as it is set for Minuet.
        project: the folder that holds pyproject.toml; else the nearest above.

    Raises:
        UsageError: a name is unknown, the id does not fit, or the app runs a unit already.
    """
    folder = folder_of(project)
    bootstrap = connection.bootstrap if connection is not None else ""
    loaded, options, found = _of(workflow, folder, project, bootstrap)
    group = app.conf.id
    own = "" if group == loaded.spec.group else group
    state = _state(folder, loaded)
    assignment = Assignment(tuple(only), own, form, options, state)
    try:
        unit, name = unit_of(loaded, assignment)
    except UsageError as refused:
        message = f"{refused} (here it is the app's id, {group})"
        raise UsageError(message) from refused
    if name != group:
        message = f"the app's id is its group: {group} cannot be, give the app the id {name}"
        raise UsageError(message)
    steps = join(app, loaded, connection or found, assignment, alone=False)
    prepare(app, unit)
    return steps


def steps_of(app: faust.App) -> Steps:
    """Return what `app_of` or `attach` has made of an app: `steps_of(app).sagas` is its table.

    Raises:
        UsageError: it runs no steps.
    """
    found = JOINED.get(app)
    if found is None:
        message = "this app runs no steps of Minuet"
        raise UsageError(message)
    return found


def _of(
    workflow: Workflow | str, folder: Path, project: Path | None, bootstrap: str
) -> tuple[Workflow, Options, Connection]:
    loaded = projects.load(workflow, project) if isinstance(workflow, str) else workflow
    settings = read(folder, bootstrap=bootstrap).known().settings
    if settings.worker.guarantee != "at-least-once":
        message = "on Faust nothing is written in transactions: set guarantee = at-least-once"
        raise UsageError(message)
    if not settings.bootstrap:
        message = (
            "no broker: name one with bootstrap=, MINUET_BOOTSTRAP_SERVERS or [tool.minuet] "
            "bootstrap in pyproject.toml"
        )
        raise UsageError(message)
    return loaded, settings.worker, Connection(settings.bootstrap, settings.kafka)


def _state(folder: Path, workflow: Workflow) -> Path | None:
    """Where it is remembered what killed a worker; None where nothing can be written."""
    state = folder / ".minuet" / "worker" / workflow.spec.group
    return state if os.access(folder, os.W_OK) else None
