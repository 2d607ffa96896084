"""The main bench: throughput, floor, one at a time and open loop, as one document."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from minuet.bench import floor, latency, throughput
from minuet.bench.place import Place
from minuet.bench.stages import Stage, quiet
from minuet.bench.workload import Workload
from minuet.core import fold
from minuet.verify import verify


@dataclass(frozen=True)
class Size:
    """How much is measured.

    Args:
        sagas: of one throughput run; `runs`: of which the median counts.
        one_by_one: sagas that are begun each after the end of the one before.
        rate_per_s, open_loop_s: of the sagas that are begun on a schedule, and how long.
    """

    sagas: int = 20_000
    runs: int = 3
    one_by_one: int = 500
    rate_per_s: int = 200
    open_loop_s: int = 30


def load() -> float:
    """The machine's load average over the last minute."""
    return round(os.getloadavg()[0], 2)


def loads(before: float) -> dict[str, Any]:
    """The load average before and now, beside the number of CPUs."""
    return {"before": before, "after": load(), "cpus": os.cpu_count()}


def measure(place: Place, workload: Workload, size: Size, stage: Stage = quiet) -> dict[str, Any]:
    """Everything that `minuet bench` prints; the keys are its contract."""
    before = load()
    done = [
        throughput.measure(
            place, workload, f"t{n}", size.sagas, stage(f"throughput {n}/{size.runs}", size.sagas)
        )
        for n in range(1, size.runs + 1)
    ]
    median = sorted(done, key=lambda run: run.sagas_per_s)[len(done) // 2]
    stage("floor", 0)
    raw = floor.measure(place, workload, median)
    one, open_loop, latency_topics = _latencies(place, workload, size, stage)
    found = {
        "throughput": _throughput(median, done),
        "one_at_a_time": one,
        "open_loop": open_loop,
        "floor": raw,
        "worker": _worker(median, raw["cpu_us_per_event"]),
        "broker": {"cpu_s": median.broker_cpu_s},
    }
    found["load"] = loads(before)
    logs = [*(run.topics for run in done), latency_topics]
    doubled = sum(run.doubled for run in done)
    found["verify"] = _verify(place, workload, logs, doubled, stage)
    return found


def _throughput(median: throughput.Run, done: list[throughput.Run]) -> dict[str, Any]:
    return {
        "sagas_per_s": median.sagas_per_s,
        "events_per_s": median.events / median.seconds,
        "seconds": median.seconds,
        "sagas": median.sagas,
        "events": median.events,
        "outcomes": median.outcomes,
        "runs_sagas_per_s": [run.sagas_per_s for run in done],
    }


def _worker(median: throughput.Run, floor_us: float) -> dict[str, Any]:
    cpu_us = median.worker_cpu_s / median.events * 1e6
    return {
        "cpu_s": median.worker_cpu_s,
        "peak_rss_mb": median.worker_peak_rss_mb,
        "cpu_us_per_event": cpu_us,
        "cpu_over_floor": cpu_us / floor_us,
        "compiled": not fold.__file__.endswith(".py"),
    }


def _latencies(
    place: Place, workload: Workload, size: Size, stage: Stage
) -> tuple[dict[str, Any], dict[str, Any], str]:
    """One at a time, then the open loop, on the same worker; and the name of its topics."""
    with latency.running(place, workload, "latency") as bench:
        show = stage("one at a time", size.one_by_one)
        one = bench.one_at_a_time(size.one_by_one, show)
        count = size.rate_per_s * size.open_loop_s
        scheduled = bench.open_loop(size.rate_per_s, count, stage("open loop", count))
        topics = bench.workflow.spec.name
    more = {"rate_per_s": size.rate_per_s, "bench_late_ms": scheduled.late_ms}
    return _percentiles(one), {**_percentiles(scheduled), **more}, topics


def _verify(
    place: Place, workload: Workload, logs: list[str], doubled: int, stage: Stage
) -> dict[str, Any]:
    """Whether each table is the fold of its log, and every saga ended once."""
    progress, reports = stage("verify", len(logs)), []
    for number, name in enumerate(logs, 1):
        reports.append(verify(place.connection, workload.on(name).spec))
        progress(number)
    counts = ("events", "sagas", "live", "rows", "uncommitted", "differing")
    found = {count: sum(getattr(report, count) for report in reports) for count in counts}
    ok = all(report.ok for report in reports) and not found["live"] and not doubled
    first = next((str(d) for report in reports for d in report.differences), "")
    return {"ok": ok, **found, "ended_twice": doubled, "first_difference": first}


def _percentiles(found: latency.Latencies) -> dict[str, Any]:
    return {
        "p50_ms": found.percentile(50),
        "p99_ms": found.percentile(99),
        "max_ms": max(found.ms),
        "sagas": len(found.ms),
    }
