"""One large partition made anew while its owner works: `python -m bench.rebuild`, as JSON.

A log is filled with reference sagas whose keys all belong to one partition; a worker folds it and
writes its rows. Then orders come at a steady rate, to the same partition, before and during `minuet
rebuild --partition`. Told are how long the command took, the memory of the worker before and at
most meanwhile, and how long an order took from its begin to its end, by the times on the log.

The broker is the bench's own, in .minuet/bench, deleted afterwards.

Example: python -m bench.rebuild --records 1000000 --rate 100
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
from itertools import count
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import Any

from bench.replay import ENDS, PROJECT, ROOT, renamed, samples
from minuet.bench.measures import load, loads
from minuet.bench.place import Place, own_broker
from minuet.bench.reference import saga as reference
from minuet.bench.stored import _Out
from minuet.kafka import topics
from minuet.kafka.offsets import committed, watermarks
from minuet.kafka.partitioner import partition_of
from minuet.kafka.reading import record_of, snapshot
from minuet.publish.publisher import Publisher
from minuet.spec import project as projects
from minuet.spec.model import Spec

PARTITION = 0
BEFORE_S = 10.0  # of orders, before it is made anew
LOOK_S = 0.1
PATIENCE_S = 600.0


def keys(spec: Spec, word: str) -> Iterator[str]:
    """Keys of the partition, without end."""
    for number in count():
        key = f"{word}-{number}"
        if partition_of(key.encode(), spec.partitions) == PARTITION:
            yield key


def fill(place: Place, spec: Spec, records: int) -> int:
    """Write sagas of the partition until there are so many records; return how many there are."""
    topics.apply(place.connection, topics.plan(spec))
    given, written = samples(place), 0
    out = _Out(place, spec.log_topic)
    for number, key in enumerate(keys(spec, "order")):
        for value, headers in renamed(given[number % len(given)], key):
            out.write(key.encode(), value, headers)
            written += 1
        if written >= records:
            break
    out.flush()
    return written


class Memory(Thread):
    """The most memory that a process had since it was last asked."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid, self._most, self._ended = pid, 0.0, Flag()

    def run(self) -> None:
        """Look, again and again."""
        while not self._ended.wait(LOOK_S):
            self._most = max(self._most, self.now())

    def now(self) -> float:
        """Resident megabytes."""
        pages = int(Path(f"/proc/{self._pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def most(self) -> float:
        """Return it, and begin anew."""
        found, self._most = max(self._most, self.now()), 0.0
        return round(found, 1)

    def stop(self) -> None:
        """End it, and wait for it."""
        self._ended.set()
        self.join()


class Orders(Thread):
    """Orders at a steady rate, each to the partition, until it is stopped."""

    def __init__(self, place: Place, spec: Spec, rate: float) -> None:
        super().__init__(daemon=True)
        begins = projects.load("reference", Path.cwd()).models[spec.begins]
        self._publisher = Publisher(
            spec.name, spec.key, begins, bootstrap=place.connection.bootstrap,
            options=place.connection.options,
        )  # fmt: skip
        self._keys, self._rate, self._ended = keys(spec, "new"), rate, Flag()
        self._field = spec.key
        self.count = 0

    def run(self) -> None:
        """Publish one after the other."""
        (sample,) = reference.orders(1)
        began = time.monotonic()
        with self._publisher as publisher:
            while not self._ended.is_set():
                order = sample.model_copy(update={self._field: next(self._keys)})
                publisher.publish(order)
                self.count += 1
                self._ended.wait(max(0.0, began + self.count / self._rate - time.monotonic()))

    def stop(self) -> None:
        """End it, and wait for it."""
        self._ended.set()
        self.join()


def folded(place: Place, spec: Spec) -> None:
    """Wait until the worker has committed to the log's end."""
    until = time.monotonic() + PATIENCE_S
    while True:
        end = watermarks(place.connection, spec.log_topic)[PARTITION][1]
        if committed(place.connection, spec.group, spec.log_topic).get(PARTITION, 0) >= end:
            return
        if time.monotonic() > until:
            message = "the worker did not come to the end of the log"
            raise TimeoutError(message)
        time.sleep(LOOK_S)


def waits(place: Place, spec: Spec, first: int, rebuilt_ms: tuple[int, int]) -> dict[str, Any]:
    """From begin to end of the new orders, by when they began: before it, or meanwhile."""
    began: dict[str, int] = {}
    found: dict[str, list[int]] = {"before": [], "meanwhile": []}
    for message in snapshot(place.connection, spec.log_topic, {PARTITION: first}):
        if not message.key():
            continue
        record = record_of(message)
        if record.type == spec.begins:
            began[record.key] = record.time
        elif record.type in ENDS and record.key in began:
            at = began.pop(record.key)
            if at < rebuilt_ms[0]:
                found["before"].append(record.time - at)
            elif at < rebuilt_ms[1]:
                found["meanwhile"].append(record.time - at)
    return {**{name: percentiles(each) for name, each in found.items()}, "unended": len(began)}


def percentiles(waits_ms: list[int]) -> dict[str, int]:
    """How many, and three of their percentiles."""
    ordered = sorted(waits_ms)
    if not ordered:
        return {"orders": 0}
    part = {name: ordered[min(len(ordered) - 1, int(len(ordered) * p))] for name, p in
            (("p50_ms", 0.5), ("p99_ms", 0.99), ("most_ms", 1.0))}  # fmt: skip
    return {"orders": len(ordered), **part}


def minuet(place: Place, *words: str) -> list[str]:
    """A command line."""
    more = ["--bootstrap", place.connection.bootstrap]
    return [sys.executable, "-m", "minuet", *words, *more]


def measured(place: Place, records: int, rate: float) -> dict[str, Any]:
    """Fill, fold, and make it anew under load."""
    spec = projects.load("reference", Path.cwd()).spec
    found: dict[str, Any] = {"records": fill(place, spec, records), "orders_per_s": rate}
    first = watermarks(place.connection, spec.log_topic)[PARTITION][1]
    quiet = subprocess.DEVNULL
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    began = time.monotonic()
    worker = subprocess.Popen(
        minuet(place, "worker", "reference"), env=env, stdout=quiet, stderr=quiet
    )
    memory, orders = Memory(worker.pid), Orders(place, spec, rate)
    try:
        memory.start()
        folded(place, spec)
        found["folded_first_s"] = round(time.monotonic() - began, 1)
        found["worker_mb"] = {"first": memory.most()}
        orders.start()
        time.sleep(BEFORE_S)
        found["worker_mb"]["before"] = memory.most()
        found.update(made_anew(place, env))
        found["worker_mb"]["meanwhile"] = memory.most()
        orders.stop()
        folded(place, spec)
    finally:
        memory.stop()
        worker.terminate()
        worker.wait()
    found["waits"] = waits(place, spec, first, found.pop("rebuilt_ms"))
    return found


def made_anew(place: Place, env: dict[str, str]) -> dict[str, Any]:
    """Type the command, and say how long it took: with what it verifies, and until it was done."""
    words = ("rebuild", "reference", "--partition", str(PARTITION), "--yes", "--why", "a bench")
    began, began_ms = time.monotonic(), time.time_ns() // 1_000_000
    out = subprocess.run(
        minuet(place, *words, "--json"), env=env, stdout=subprocess.PIPE, check=False
    ).stdout
    said = json.loads(out)
    return {
        "command_s": round(time.monotonic() - began, 1), "by_worker": said.get("done"),
        "verified": (said.get("verified") or {}).get("ok"),
        "rebuilt_ms": (began_ms, time.time_ns() // 1_000_000),
    }  # fmt: skip


def run(records: int, rate: float) -> dict[str, Any]:
    """Run all of it."""
    before = load()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
        os.chdir(folder)
        with own_broker(folder) as place:
            found = measured(place, records, rate)
    return {**found, "load": loads(before)}


def main() -> None:
    """Run the bench and print what it found."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m bench.rebuild")
    parser.add_argument("--records", type=int, default=1_000_000, help="in the partition")
    parser.add_argument("--rate", type=float, default=100, help="orders a second, meanwhile")
    asked = parser.parse_args()
    found = run(asked.records, asked.rate)
    sys.stdout.write(json.dumps(found, indent=2) + "\n")
    sys.exit(0 if found["verified"] and not found["waits"]["unended"] else 1)


if __name__ == "__main__":
    main()
