"""What-if over 20,000 recorded sagas: `python -m bench.whatif`, as JSON.

Run from the project's folder. The thousand orders of `examples` are run in virtual time; their
records are repeated under other keys, with the ids that they have there. Then `minuet whatif` is
typed twice: against a copy of the project as it is, and against one with a rule changed in a pure
step, which touches the orders that go to Finland and were confirmed. What is timed is the whole
command; `cpu_s` is of all its processes, `peak_rss_mb` of the largest.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from bench.replay import renamed
from minuet.bench.measures import load
from minuet.bench.place import Place, own_broker
from minuet.contracts.codec import Codec
from minuet.engines.course import Stored
from minuet.engines.simulated import Settings
from minuet.engines.simulation import simulate
from minuet.event.record import TYPE
from minuet.kafka import topics
from minuet.kafka.kept import Kept
from minuet.kafka.partitioner import partition_of
from minuet.kafka.registry import TopicRegistry
from minuet.simulation import begin_events
from minuet.spec import project as projects

RULE = "return OrderConfirmed(tracking=booked.tracking)"
CHANGED = 'return OrderConfirmed(tracking=booked.tracking + "!" * (booked.late_days == 4))'
PARTS = ("coordinators", "schemas", "streams", "examples", "pyproject.toml")


def fill(place: Place, sagas: int) -> set[str]:
    """Write sagas; return the ids of those that the changed rule touches."""
    workflow = projects.load("orders", Path.cwd())
    topics.apply(place.connection, topics.plan(workflow.spec))
    Codec(
        workflow.models.values(), TopicRegistry(place.connection, workflow.spec.schema_topic)
    ).register()
    orders = begin_events(workflow, Path("examples", "orders.jsonl"))
    log = simulate(workflow, 1, events=orders, settings=Settings(workers=1)).log
    samples: dict[bytes, list[Stored]] = {}
    for one in log:
        samples.setdefault(one.key or b"", []).append(one)
    fins = {one.order_id for one in orders if getattr(one, "country", "") == "FI"}  # type: ignore[attr-defined]
    touched, producer = set(), place.connection.producer()
    for number in range(sagas):
        known, sample = list(samples.items())[number % len(samples)]
        key = f"order-{number:07}"
        if known.decode() in fins and _has(sample, b"OrderConfirmed"):
            touched.add(key)
        for value, headers in renamed(cast("list[Kept]", sample), key):
            raw, spec = key.encode(), workflow.spec
            partition = partition_of(raw, spec.partitions)
            producer.produce(spec.log_topic, value, raw, partition, headers=cast(Any, headers))
        producer.poll(0)
        if number % 1_000 == 0:
            producer.flush()
    producer.flush()
    return touched


def _has(sample: Sequence[Stored], name: bytes) -> bool:
    return any(dict(one.headers).get(TYPE) == name for one in sample)


def typed(place: Place, against: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Type the command; what it says, and what it took."""
    command = [
        sys.executable, "-m", "minuet", "whatif", "orders", "--against", str(against), "--json",
        "--bootstrap", place.connection.bootstrap,
    ]  # fmt: skip
    began = time.monotonic()
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, stdout=out)
        _, code, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(code)
        out.seek(0)
        text = out.read()
    took = time.monotonic() - began
    said = json.loads(text)
    figures = {
        "seconds": round(took, 1), "sagas": said["sagas"], "records": said["records"],
        "sagas_per_s": round(said["sagas"] / took), "different": said["different"],
        "unknown": said["unknown"], "cpu_s": round(used.ru_utime + used.ru_stime, 1),
        "peak_rss_mb": round(used.ru_maxrss / 1024),
    }  # fmt: skip
    return said, figures


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sagas", type=int, default=20_000)
    wanted = parser.parse_args().sagas
    with tempfile.TemporaryDirectory() as folder, own_broker(Path(folder)) as place:
        before = load()
        touched = fill(place, wanted)
        same, changed = Path(folder, "same"), Path(folder, "changed")
        for there in (same, changed):
            there.mkdir()
            for part in PARTS:
                copy = shutil.copytree if Path(part).is_dir() else shutil.copy
                copy(part, there / part)
        file = changed / "streams" / "orders" / "confirm_order.py"
        text = file.read_text(encoding="utf-8")
        assert RULE in text
        file.write_text(text.replace(RULE, CHANGED), encoding="utf-8")
        _, against_same = typed(place, same)
        said, against_changed = typed(place, changed)
        exact = set(said["different_sagas"]) == touched
        figures = {
            "same": against_same, "changed": against_changed, "touched": len(touched),
            "found_exactly_those": exact, "load": [before, os.getloadavg()[0]],
        }  # fmt: skip
    print(json.dumps(figures, indent=2, default=str))  # noqa: T201
    if against_same["different"] or against_same["unknown"] or not exact:
        sys.exit(1)


if __name__ == "__main__":
    main()
