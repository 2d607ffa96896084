"""Two comparisons: two processes against one, and sagas beside a slow one against without it."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from minuet.bench import latency, process, throughput
from minuet.bench.ends import Ends
from minuet.bench.place import Place
from minuet.bench.stages import Progress, Stage, quiet
from minuet.bench.workload import Job, Workload

WAIT_MS = 20
IN_FLIGHT = 50
SLOW_MS = 10_000
RATE_PER_S = 200
SLOW_SAGA = latency.WARM_UP + 2 * RATE_PER_S  # it begins after two seconds


def parallel(place: Place, sagas: int, stage: Stage = quiet) -> dict[str, Any]:
    """Run sagas whose steps wait 20 ms, 50 at once in a process, with one process and with two."""
    rates = {
        count: _with_processes(place, sagas, count, stage(f"{count} process(es)", sagas))
        for count in (1, 2)
    }
    return {
        "one_process_sagas_per_s": rates[1],
        "two_processes_sagas_per_s": rates[2],
        "ratio": rates[2] / rates[1],
    }


def _with_processes(place: Place, sagas: int, count: int, progress: Progress) -> float:
    workload = Workload(wait_ms=WAIT_MS)
    workflow = throughput.prepare(place, workload, f"parallel-{count}")
    job = Job.on(place.connection, workload, workflow.spec.name, IN_FLIGHT)
    with (
        throughput.publisher(place, workflow) as publisher,
        Ends(place.connection, workflow.spec.log_topic) as ends,
        ExitStack() as stack,
    ):
        for _ in range(count):  # one after the other: each answers when it has its partitions
            child = stack.enter_context(process.worker(job))
            child.answer(), child.answer()
        for event in workload.begin(workflow, latency.WARM_UP):
            publisher.send(event)
        ends.until(latency.WARM_UP)
        began = time.time()
        for event in workload.begin(workflow, sagas, latency.WARM_UP + 1):
            publisher.send(event)
        return sagas / (ends.until(latency.WARM_UP + sagas, progress) - began)


def slow(
    place: Place, seconds: int, stage: Stage = quiet, *, slow_ms: int = SLOW_MS
) -> dict[str, Any]:
    """Run sagas on a fixed schedule, without and with one whose first step sleeps so long."""
    usual = Workload(slow_saga=f"order-{SLOW_SAGA}")
    without = _open_loop(place, usual, seconds, stage("no slow handler", seconds * RATE_PER_S))
    one_slow = replace(usual, slow_ms=slow_ms)
    beside = _open_loop(place, one_slow, seconds, stage("one handler sleeps", seconds * RATE_PER_S))
    index = SLOW_SAGA - latency.WARM_UP - 1
    slept = beside.ms[index]
    without, beside = latency.without(without, [index]), latency.without(beside, [index])
    return {
        "without_p50_ms": without.percentile(50),
        "without_p99_ms": without.percentile(99),
        "beside_p50_ms": beside.percentile(50),
        "beside_p99_ms": beside.percentile(99),
        "p99_ratio": beside.percentile(99) / without.percentile(99),
        "slow_saga_ms": slept,
    }


def _open_loop(
    place: Place, workload: Workload, seconds: int, progress: Progress
) -> latency.Latencies:
    with latency.running(place, workload, "slow") as bench:
        return bench.open_loop(RATE_PER_S, RATE_PER_S * seconds, progress)
