"""The reference saga on Minuet: `minuet/bench/reference`, run as `minuet worker` does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.sidebyside.programs.job import Job
from minuet.bench.reference import saga as reference
from minuet.engines.crash_memory import CrashMemory
from minuet.engines.worker import Assignment, run
from minuet.event.model import Request
from minuet.kafka.connection import Connection
from minuet.settings.worker import Options
from minuet.spec.assemble import Workflow


def workflow(topics: str, note: Callable[[str, str], None]) -> Workflow:
    """The reference workflow on topics of that name, each run of a step told to `note`."""
    found = reference.workflow()
    steps = {
        name: replace(step, function=_noting(name, step.function, note))
        for name, step in found.steps.items()
    }
    return replace(found, spec=replace(found.spec, name=topics), steps=steps)


def _noting(name: str, function: Callable[..., Any], note: Callable[[str, str], None]) -> Any:
    async def noting(**arguments: Any) -> Any:
        event = next(iter(arguments.values()))
        order = event.saga_id if isinstance(event, Request) else f"order-{event.number}"
        note(name, order)
        return await function(**arguments)

    return noting


async def _run(job: Job) -> None:
    state = CrashMemory(Path(job.state)).folder
    assignment = Assignment(form="simulated", options=Options(), state=state)
    flow = workflow(job.topic.removesuffix(".events"), job.note())
    await run(flow, Connection(job.bootstrap), assignment)


if __name__ == "__main__":
    asyncio.run(_run(Job.told()))
