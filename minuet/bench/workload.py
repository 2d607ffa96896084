"""What a bench runs: a workflow on topics of its own, and the events that begin its sagas.

A workload is plain data, so that it can be handed to a process of its own.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from hashlib import blake2b
from itertools import cycle
from pathlib import Path
from typing import Any

from minuet.bench.reference import saga as reference
from minuet.errors import UsageError
from minuet.event.model import Event
from minuet.kafka.connection import Connection
from minuet.saga import Saga
from minuet.settings.file import folder_of
from minuet.settings.prefix import prefix_of
from minuet.settings.worker import Guarantee
from minuet.spec import project as projects
from minuet.spec.assemble import Workflow

REFERENCE = "reference"
NOTE = 33  # bytes of a line that says: this ran


@dataclass(frozen=True)
class Workload:
    """A workflow, and how its steps behave.

    Args:
        workflow: `reference`, or one that pyproject.toml names.
        project: the folder that holds pyproject.toml; empty for the one around here.
        file: JSON lines of begin events, taken round and round; not for the reference saga.
        wait_ms: how long every step waits before it answers.
        slow_saga: the saga whose first step waits `slow_ms` instead.
        noted: a file to which each run of a step adds a line, `NOTE` bytes long; empty for none.
        guarantee: how its workers write.
    """

    workflow: str = REFERENCE
    project: str = ""
    file: str = ""
    wait_ms: int = 0
    slow_saga: str = ""
    slow_ms: int = 0
    noted: str = ""
    guarantee: Guarantee = "at-least-once"

    def on(self, topics: str) -> Workflow:
        """Return the workflow on topics of that name."""
        if self.workflow == REFERENCE:
            found = reference.workflow()
            prefix = prefix_of(folder_of(Path(self.project) if self.project else None))
            found = replace(found, spec=replace(found.spec, prefix=prefix))
        else:
            found = projects.load(self.workflow, Path(self.project) if self.project else None)
        steps = found.steps
        if self.wait_ms or self.slow_saga:
            steps = {
                name: replace(step, function=self._waiting(step.function, found.saga))
                for name, step in steps.items()
            }
        if self.noted:
            note = _notes(Path(self.noted))
            steps = {
                name: replace(step, function=_noting(name, step.function, note))
                for name, step in steps.items()
            }
        return replace(found, spec=replace(found.spec, name=topics), steps=steps)

    def begin(self, workflow: Workflow, count: int, first: int = 1) -> Iterator[Event]:
        """Yield the begin events of `count` sagas, numbered from `first`."""
        if self.workflow == REFERENCE:
            yield from reference.orders(count, first)
            return
        spec = workflow.spec
        model = workflow.models[spec.begins]
        lines = cycle(_lines(Path(self.file)))
        for number in range(first, first + count):
            event = model.model_validate_json(next(lines))
            yield event.model_copy(update={spec.key: f"bench-{number}"})

    def _waiting(self, function: Callable[..., Any], saga: Saga) -> Callable[..., Any]:
        """Return an async step that waits before it answers."""

        async def waiting(**arguments: Any) -> Any:
            event = next(iter(arguments.values()))
            is_slow = isinstance(event, saga.begins) and getattr(event, saga.key) == self.slow_saga
            wait_ms = self.slow_ms if is_slow else self.wait_ms
            if wait_ms:
                await asyncio.sleep(wait_ms / 1000)
            return await function(**arguments)

        return waiting


def _notes(file: Path) -> Callable[[bytes], object]:
    """Return what adds a line to a file; a line that was added outlives the process."""
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    return partial(os.write, descriptor)


def _noting(name: str, function: Callable[..., Any], note: Callable[[bytes], object]) -> Any:
    """Return an async step that notes each of its runs first: the same events, the same line."""

    async def noting(**arguments: Any) -> Any:
        events = [repr(value) for value in arguments.values() if isinstance(value, Event)]
        run = blake2b("|".join((name, *events)).encode(), digest_size=NOTE // 2)
        note(run.hexdigest().encode() + b"\n")
        return await function(**arguments)

    return noting


def _lines(file: Path) -> list[str]:
    try:
        lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except OSError as error:
        message = f"{file}: {error.strerror}; name begin events as JSON lines with --file"
        raise UsageError(message) from error
    if not lines:
        message = f"{file} is empty: it must hold begin events as JSON lines"
        raise UsageError(message)
    return lines


@dataclass(frozen=True)
class Job:
    """What a process of its own is told.

    Args:
        bootstrap, options: where Kafka is, and how to log in there.
        topics: the name that its topics begin with.
        in_flight: handlers at once.
        state: the folder of what outlives the process; empty for one that does not.
    """

    workload: Workload
    bootstrap: str
    options: Mapping[str, str]
    topics: str
    in_flight: int = 1_000
    state: str = ""

    @classmethod
    def on(
        cls, connection: Connection, workload: Workload, topics: str, in_flight: int = 1_000
    ) -> Job:
        """Describe a worker of topics that are there."""
        return cls(workload, connection.bootstrap, connection.options, topics, in_flight)

    @classmethod
    def read(cls, text: str) -> Job:
        """Read what `json.dumps(asdict(job))` wrote."""
        fields = json.loads(text)
        return cls(**{**fields, "workload": Workload(**fields["workload"])})
