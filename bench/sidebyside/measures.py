"""The three things that are measured, each of one contestant on fresh topics."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from bench.sidebyside import tally
from bench.sidebyside.ground import Field
from bench.sidebyside.program import Program
from minuet.bench.latency import Latencies
from minuet.errors import MinuetError

WARM_UP = 50
KILLED_AT = 0.4  # of all runs of handlers
_LOOK_S = 0.002
_PATIENCE_S = 90.0


def throughput(field: Field, python: str, sagas: int) -> dict[str, Any]:
    """Work off so many sagas that stand on the log, and count what each event cost."""
    with field.begin() as begin:
        begin.many(1, sagas)
    with (
        field.watch() as watch,
        Program(field.contestant, python, field.job(), field.folder / "said") as program,
    ):
        watch.until(lambda: watch.first_answer_ms > 0, program.look, _PATIENCE_S)
        done = watch.until(lambda: len(watch.ended) >= sagas, program.look)
        peak_mb = program.peak_rss_mb()
        first_answer = watch.first_answer_ms / 1000
        cpu = program.stop() - program.cpu_s(first_answer)
        watch.rest()
    if not done:
        message = f"{field.name}: {len(watch.ended)} of {sagas} sagas have ended"
        raise MinuetError(message)
    seconds = (watch.last_end_ms - watch.first_answer_ms) / 1000
    counted = tally.tally((), watch.said, sagas)
    return {
        "sagas": sagas,
        "seconds": seconds,
        "sagas_per_s": sagas / seconds,
        "events": counted.records,
        "cpu_us_per_event": cpu / counted.records * 1e6,
        "peak_rss_mb": peak_mb,
        "start_s": first_answer - program.started,
        "wrong": counted.records_missing + counted.unfinished + counted.wrong_end,
    }


def latency(field: Field, python: str, sagas: int) -> dict[str, Any]:
    """Begin a saga when the one before has ended; from the publish call to its end read back."""
    with (
        field.begin() as begin,
        field.watch() as watch,
        Program(field.contestant, python, field.job(), field.folder / "said") as program,
    ):
        took = []
        for number in range(1, WARM_UP + sagas + 1):
            began = time.time()
            begin.one(number)
            ended = watch.end_of(f"order-{number}", program.look, _PATIENCE_S)
            took.append((ended - began) * 1000)
        program.stop()
    found = Latencies(took[WARM_UP:])
    return {
        "sagas": sagas,
        "p50_ms": found.percentile(50),
        "p99_ms": found.percentile(99),
        "max_ms": max(found.ms),
    }


def killed(field: Field, python: str, sagas: int) -> dict[str, Any]:
    """Kill the one process when 40 % of all runs have begun, let another finish, and count."""
    with field.begin() as begin:
        begin.many(1, sagas)
    steps, said = tally.steps(sagas), field.folder / "said"
    with field.watch() as watch:
        with Program(field.contestant, python, field.job(noted=True), said) as first:
            before = _until(field.effects, int(steps * KILLED_AT), first)
            first.kill()
        killed_at, size, went_on = time.time(), field.effects.stat().st_size, 0.0
        with Program(field.contestant, python, field.job(noted=True), said) as second:
            if watch.until(lambda: field.effects.stat().st_size > size, second.look):
                went_on = time.time()
            watch.until(lambda: len(watch.ended) >= sagas, second.look)
            second.stop()
            watch.rest()
    with field.effects.open(encoding="utf-8") as lines:
        counted = tally.tally(lines, watch.said, sagas)
    return {
        "sagas": sagas,
        "killed_at_percent": 100 * before / steps,
        "repeated_percent": 100 * counted.repeated / counted.steps,
        "pause_s": went_on - killed_at if went_on else None,
        **counted.as_dict(),
        "wrong": int(counted.wrong),
    }


def _until(effects: Path, runs: int, program: Program) -> int:
    """Wait until so many runs have begun; return how many have."""
    until = time.monotonic() + _PATIENCE_S
    begun, at = 0, 0
    while begun < runs:
        if effects.exists():
            with effects.open("rb") as file:
                file.seek(at)
                new = file.read()
            begun, at = begun + new.count(b"\n"), at + len(new)
        if time.monotonic() > until:
            message = f"{begun} of {runs} runs had begun after {_PATIENCE_S:.0f} s"
            raise MinuetError(message)
        program.look()
        time.sleep(_LOOK_S)
    return begun
