"""One saga in a large log: `python -m bench.travel`, figures as JSON.

The log is filled with the histories of a few real sagas of the reference workflow, each with a key
and ids of its own; then single sagas are looked for, by the library and by the command line, with
the index of the log that the project keeps and without one.

The broker is the bench's own, in .minuet/bench, deleted afterwards.

Example: python -m bench.travel --events 1000000
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

from minuet.bench import throughput
from minuet.bench.place import Place, own_broker
from minuet.bench.reference import saga as reference
from minuet.bench.workload import Workload
from minuet.contracts.codec import Codec
from minuet.core.plan import compile_plan
from minuet.event.ids import answer_id, begin_id, coordinator_id, slot_id
from minuet.event.record import CAUSES, ID, SLOT, STEP, UNDOES, Record
from minuet.index import Index
from minuet.inspection import history
from minuet.kafka import topics
from minuet.kafka.offsets import watermarks
from minuet.kafka.reading import record_of, snapshot
from minuet.kafka.registry import TopicRegistry
from minuet.kafka.writer import Writer
from minuet.spec.assemble import Workflow

SAMPLES = 20  # real sagas: 19 completed, one compensated
LOOKS = 20
COMMANDS = 5
PYPROJECT = """\
[tool.minuet.workflows.reference]
saga = "minuet.bench.reference.saga:reference"
steps = ["minuet.bench.reference.steps"]
"""

T = TypeVar("T")
Told = tuple[bytes, bytes, list[tuple[str, bytes]]]


def samples(place: Place) -> list[list[Record]]:
    """The histories of sagas that a worker has run."""
    run = throughput.measure(place, Workload(), "sample", SAMPLES)
    found: dict[str, list[Record]] = {}
    for message in snapshot(place.connection, f"{run.topics}.events"):
        record = record_of(message)
        found.setdefault(record.key, []).append(record)
    return list(found.values())


def again(workflow: Workflow, saga: str, records: list[Record]) -> Iterator[Told]:
    """A history told of another saga: the same events, with its key and its ids."""
    spec, ids = workflow.spec, dict[str, str]()
    begin = begin_id(spec.name, spec.begins, saga)
    for record in records:
        causes = [ids[cause] for cause in record.causes]
        undoes = ids.get(record.text(UNDOES), "")
        slot = slot_id("", causes, record.text(STEP)) if record.slot else ""
        if record.type == spec.begins:
            new = begin
        elif slot:
            new = answer_id(slot, record.type)
        else:
            new = coordinator_id(record.type, "", undoes or begin)
        ids[record.id] = new
        changed = {ID: new, SLOT: slot, CAUSES: ",".join(causes), UNDOES: undoes}
        headers = {**record.headers, **{n: t.encode() for n, t in changed.items() if t}}
        yield saga.encode(), record.value, list(headers.items())


def fill(place: Place, workflow: Workflow, events: int) -> int:
    """Fill the log with at least so many events; returns of how many sagas."""
    topics.apply(place.connection, topics.plan(workflow.spec))
    Codec(
        workflow.models.values(), TopicRegistry(place.connection, workflow.spec.schema_topic)
    ).register()
    told, writer = samples(place), Writer(place.connection, workflow.spec.log_topic)
    written = sagas = 0
    while written < events:
        saga = f"order-{sagas}"
        for key, value, headers in again(workflow, saga, told[sagas % len(told)]):
            append(writer, key, value, headers)
            written += 1
        sagas += 1
    writer.flush()
    return sagas


def append(writer: Writer, key: bytes, value: bytes, headers: list[tuple[str, bytes]]) -> None:
    """Hand a record over; waits while the queue is full."""
    while True:
        try:
            writer.append(key, value, [*headers], lambda _: None)
        except BufferError:
            writer.serve(0.1)
        else:
            return


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """How long it takes, in ms, and what it returns."""
    began = time.perf_counter()
    found = work()
    return (time.perf_counter() - began) * 1000, found


def library(place: Place, workflow: Workflow, folder: Path, sagas: int) -> dict[str, Any]:
    """Look for sagas in this process."""
    plan = compile_plan(workflow.spec)
    index = Index(folder)
    some = random.Random(1).sample(range(sagas), LOOKS)

    ends = watermarks(place.connection, workflow.spec.log_topic)
    cold_ms, _ = timed(
        lambda: index.find(place.connection, workflow.spec.log_topic, b"-", ends, ends)
    )

    def look(number: int) -> float:
        ms, found = timed(
            lambda: history.read(place.connection, plan, f"order-{number}", index=index)
        )
        assert found.state.status.ended
        return ms

    warm = sorted(look(number) for number in some)
    scan_ms, _ = timed(lambda: history.read(place.connection, plan, f"order-{some[0]}"))
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return {
        "cold_s": cold_ms / 1000,
        "warm_ms": {"median": median(warm), "most": warm[-1]},
        "without_index_s": scan_ms / 1000,
        "index_mb": size / 2**20,
    }


def command(folder: Path, bootstrap: str, words: list[str], sagas: int) -> dict[str, float]:
    """Type the command for some sagas; ms of wall time, and of one CPU."""
    some = random.Random(2).sample(range(sagas), COMMANDS)
    took = []
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for number in some:
        typed = [sys.executable, "-m", "minuet", *words[:2], "reference", f"order-{number}"]
        typed += [*words[2:], "--bootstrap", bootstrap, "--project", str(folder)]
        ms, run = timed(partial(subprocess.run, typed, capture_output=True, check=False))
        assert run.returncode == 0, run.stderr
        took.append(ms)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    cpu_ms = cpu_s * 1000 / COMMANDS
    return {"median_ms": median(took), "most_ms": max(took), "cpu_ms": cpu_ms}


def measure(place: Place, folder: Path, events: int) -> dict[str, Any]:
    """Fill a log, and look for sagas in it."""
    workflow = reference.workflow()
    (folder / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    fill_ms, sagas = timed(lambda: fill(place, workflow, events))
    load = os.getloadavg()[0]
    where = place.connection.bootstrap
    return {
        "events": events,
        "sagas": sagas,
        "filled_s": fill_ms / 1000,
        "query": library(place, workflow, folder / ".minuet" / "index", sagas),
        "show": command(folder, where, ["saga", "show"], sagas),
        "explain": command(folder, where, ["saga", "history", "--explain"], sagas),
        "load": [load, os.getloadavg()[0]],
    }


def main() -> None:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m bench.travel")
    parser.add_argument("--events", type=int, default=1_000_000, help="in the log, at least")
    wish = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, own_broker(Path.cwd()) as place:
        figures = measure(place, Path(folder), wish.events)
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
