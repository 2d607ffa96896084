"""A million events replayed into a file: `python -m bench.replay`, as JSON.

Run from the project's folder. A worker runs a hundred reference sagas; their records are then
repeated under other keys, each with the ids that a worker would have given it. What is timed is the
command as people type it, from its start to its end: imports, plan and file. `peak_rss_mb` is the
most that its process had; for a tenth of the events it must be about the same.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from minuet.bench import throughput
from minuet.bench.measures import load, loads
from minuet.bench.place import Place, own_broker
from minuet.bench.stored import _Out
from minuet.bench.workload import Workload
from minuet.event import ids
from minuet.event.record import CAUSES, ID, SLOT, STEP, TYPE, UNDOES
from minuet.kafka import topics
from minuet.kafka.kept import Kept, kept_snapshot
from minuet.kafka.offsets import watermarks
from minuet.spec import project as projects

ROOT = Path(__file__).parents[1]
PROJECT = """\
[tool.minuet.workflows.reference]
saga = "minuet.bench.reference.saga:reference"
steps = ["minuet.bench.reference.steps"]
"""
SAMPLES = 100
ENDS = ("SagaCompleted", "SagaCompensated")


def samples(place: Place) -> list[list[Kept]]:
    """The records of real sagas, each saga's in their order."""
    run = throughput.measure(place, Workload(), "sample", SAMPLES)
    topic = f"{run.topics}.events"
    marks = watermarks(place.connection, topic)
    first = {number: low for number, (low, _) in marks.items()}
    found: dict[bytes, list[Kept]] = {}
    for record in kept_snapshot(
        place.connection, topic, first, {n: high for n, (_, high) in marks.items()}
    ):
        found.setdefault(record.key or b"", []).append(record)
    return list(found.values())


def renamed(sample: list[Kept], key: str) -> Iterator[tuple[bytes, list[tuple[str, bytes | None]]]]:
    """Value and headers of a saga's records, with the ids that they have under another key."""
    new: dict[str, str] = {}
    for record in sample:
        had = {name: (value or b"").decode() for name, value in record.headers}
        name, causes = had[TYPE], [new[each] for each in had.get(CAUSES, "").split(",") if each]
        given = {}
        if SLOT in had:
            given[SLOT] = ids.slot_id("", causes, had[STEP])
            found = ids.answer_id(given[SLOT], name)
        elif not causes:
            found = ids.begin_id("reference", name, key)
        else:
            of = new[had[UNDOES]] if UNDOES in had else causes[0]
            found = ids.coordinator_id(name, "", of)
        new[had[ID]] = given[ID] = found
        if causes:
            given[CAUSES] = ",".join(causes)
        if UNDOES in had:
            given[UNDOES] = new[had[UNDOES]]
        headers = [(n, given[n].encode() if n in given else v) for n, v in record.headers]
        yield record.value or b"", headers


def fill(place: Place, events: int) -> int:
    """Write sagas until there are so many events; return how many there are."""
    spec = projects.load("reference", Path.cwd()).spec
    topics.apply(place.connection, topics.plan(spec))
    given = samples(place)
    out = _Out(place, spec.log_topic)
    count = number = 0
    while count < events:
        number += 1
        key = f"order-{number}"
        for value, headers in renamed(given[number % len(given)], key):
            out.write(key.encode(), value, headers)
            count += 1
    out.flush()
    return count


def timed(folder: Path, place: Place, *words: str) -> dict[str, Any]:
    """Run a replay to its end; what it said, how long it took, and the most memory it had."""
    command = [sys.executable, "-m", "minuet", "replay", "reference", "--yes", "--json", *words]
    began = time.monotonic()
    child = subprocess.Popen(
        [*command, "--bootstrap", place.connection.bootstrap], cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert child.stdout
    said = json.loads(child.stdout.read())
    _, _, used = os.wait4(child.pid, 0)
    seconds = time.monotonic() - began
    records = said.get("written") or said["plan"]["records"]
    return {
        "records": records, "seconds": round(seconds, 2), "records_per_s": round(records / seconds),
        "writing_per_s": said.get("records_per_s"), "mb": round(said.get("bytes", 0) / 1e6, 1),
        "cpu_s": round(used.ru_utime + used.ru_stime, 2),
        "peak_rss_mb": round(used.ru_maxrss / 1024, 1),
    }  # fmt: skip


def run(events: int) -> dict[str, Any]:
    """Run all of it."""
    before = load()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
        os.chdir(folder)
        with own_broker(folder) as place:
            found: dict[str, Any] = {"events": fill(place, events)}
            tenth = str(events // 10)
            found["avro_tenth"] = timed(folder, place, "--into", "t.avro", "--limit", tenth)
            found["avro"] = timed(folder, place, "--into", "all.avro")
            condition = ("--where", "number % 2 == 0")
            found["avro_where"] = timed(folder, place, "--into", "even.avro", *condition)
            found["jsonl"] = timed(folder, place, "--into", "all.jsonl")
    return {**found, "load": loads(before)}


def main() -> None:
    """Run the bench and print what it found."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m bench.replay")
    parser.add_argument("--events", type=int, default=1_000_000, help="on the log")
    sys.stdout.write(json.dumps(run(parser.parse_args().events), indent=2) + "\n")


if __name__ == "__main__":
    main()
