"""Repeats: how many runs of handlers a kill costs, when all is busy.

Every run adds a line to a file, which outlives the worker, before the handler does anything. What
ran twice stands there twice.
"""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from minuet.bench import process, throughput
from minuet.bench.ends import Ends
from minuet.bench.place import Place
from minuet.bench.reference.steps import REFUSED_EVERY
from minuet.bench.stages import Progress, Stage, quiet
from minuet.bench.workload import NOTE, Job, Workload
from minuet.errors import MinuetError
from minuet.kafka.reading import record_of, snapshot
from minuet.spec.model import Spec
from minuet.verify import verify

SAGAS = 2_000
KILLED_AT = 0.4  # of all runs
RUNS = 5
_STEPS, _STEPS_REFUSED = 4, 5  # of a saga that is completed, and of one that is compensated
_WRONG = ("effective_twice", "ended_twice", "differing")
_LOOK_S = 0.001
_PATIENCE_S = 60.0


def measure(
    place: Place, runs: int = RUNS, stage: Stage = quiet, *, sagas: int = SAGAS
) -> dict[str, Any]:
    """Kill a worker in the middle of so many sagas, let another finish, and count; a few times."""
    with TemporaryDirectory() as folder:
        found = [
            _run(place, Path(folder) / str(run), sagas, stage(f"killed {run}/{runs}", sagas))
            for run in range(1, runs + 1)
        ]
    shares = [each["repeated"] / each["steps"] for each in found]
    return {
        "sagas": sagas,
        "steps": found[0]["steps"],
        "repeated_percent": 100 * median(shares),
        "runs_repeated_percent": [100 * share for share in shares],
        "killed_at_percent": [100 * each["before"] / each["steps"] for each in found],
        "wrong": {name: sum(each[name] for each in found) for name in _WRONG},
    }


def _run(place: Place, notes: Path, sagas: int, progress: Progress) -> dict[str, int]:
    workload = Workload(noted=str(notes))
    workflow = throughput.prepare(place, Workload(), "repeats")
    with throughput.publisher(place, workflow) as out:
        for event in workload.begin(workflow, sagas):
            out.send(event)
    refused = sagas // REFUSED_EVERY
    steps = (sagas - refused) * _STEPS + refused * _STEPS_REFUSED
    job = Job.on(place.connection, workload, workflow.spec.name)
    with Ends(place.connection, workflow.spec.log_topic) as ends:
        with process.worker(job) as child:
            child.answer()
            before = _until(notes, int(steps * KILLED_AT))
            child.kill()
        with process.worker(job) as child:
            ends.until(sagas, progress)
            child.stop()
    ran = Counter(notes.read_bytes().splitlines())
    report = verify(place.connection, workflow.spec)
    return {
        "steps": len(ran),
        "before": before,
        "repeated": ran.total() - len(ran),
        "effective_twice": _twice(place, workflow.spec),
        "ended_twice": ends.doubled,
        "differing": report.differing + report.live,
    }


def _until(notes: Path, runs: int) -> int:
    """Wait until so many runs have begun; return how many have."""
    until = time.monotonic() + _PATIENCE_S
    while (begun := notes.stat().st_size // NOTE if notes.exists() else 0) < runs:
        if time.monotonic() > until:
            message = f"{begun} of {runs} runs had begun after {_PATIENCE_S:.0f} s"
            raise MinuetError(message)
        time.sleep(_LOOK_S)
    return begun


def _twice(place: Place, spec: Spec) -> int:
    """How many sagas have an outcome of one type under two ids: here no step says one twice."""
    ids: dict[tuple[str, str], set[str]] = {}
    for message in snapshot(place.connection, spec.log_topic):
        record = record_of(message)
        ids.setdefault((record.key, record.type), set()).add(record.id)
    return len({saga for (saga, _), said in ids.items() if len(said) > 1})
