"""The main bench: throughput, one at a time, open loop and floor, as one document."""

from __future__ import annotations

import os
from typing import Any

from minuet.bench import floor, throughput
from minuet.bench.place import Place
from minuet.bench.workload import Workload

RUNS = 3


def load() -> float:
    """The machine's load average over the last minute."""
    return round(os.getloadavg()[0], 2)


def measure(place: Place, workload: Workload, sagas: int, runs: int = RUNS) -> dict[str, Any]:
    """Everything that `minuet bench` prints."""
    before = load()
    done = [
        throughput.measure(place, workload, f"t{n + 1}", sagas, lambda _: None) for n in range(runs)
    ]
    median = sorted(done, key=lambda run: run.sagas_per_s)[len(done) // 2]
    raw = floor.measure(place, workload, median)
    cpu = median.worker_cpu_s / median.events * 1e6
    return {
        "throughput": {
            "sagas_per_s": median.sagas_per_s,
            "events_per_s": median.events / median.seconds,
            "runs": [run.sagas_per_s for run in done],
            "outcomes": median.outcomes,
        },
        "floor": raw,
        "worker": {
            "cpu_s": median.worker_cpu_s,
            "peak_rss_mb": median.worker_peak_rss_mb,
            "cpu_us_per_event": cpu,
            "cpu_over_floor": cpu / raw["cpu_us_per_event"],
        },
        "broker": {"cpu_s": median.broker_cpu_s},
        "load": {"before": before, "after": load()},
    }
