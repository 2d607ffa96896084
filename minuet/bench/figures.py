"""What each figure of a bench means, for the table that people read."""

from __future__ import annotations

from typing import Any, NamedTuple


class Figure(NamedTuple):
    """A figure: where it stands in the document, and what it says.

    Args:
        path: keys joined by dots.
        label: `unit`: as the table has them.
        says: what was measured.
    """

    path: str
    label: str
    unit: str
    says: str


MAIN = (
    Figure("throughput.sagas_per_s", "throughput", "sagas/s",
           "all sagas on the log first; from the worker's first read to the last end event read "
           "back; median of the runs"),
    Figure("throughput.events_per_s", "", "events/s", "the same run, in records of the log"),
    Figure("one_at_a_time.p50_ms", "one at a time, p50", "ms",
           "from the publish call to the end event read back; nothing else runs"),
    Figure("one_at_a_time.p99_ms", "one at a time, p99", "ms", "99 of 100 sagas were faster"),
    Figure("open_loop.p50_ms", "open loop, p50", "ms",
           "sagas begun on a fixed schedule; from the scheduled time to the end event read back"),
    Figure("open_loop.p99_ms", "open loop, p99", "ms", "99 of 100 sagas were faster"),
    Figure("worker.cpu_us_per_event", "worker, CPU for an event", "µs",
           "user and system time of the worker's process in the throughput run"),
    Figure("floor.cpu_us_per_event", "floor, CPU for an event", "µs",
           "confluent-kafka and fastavro alone, same reads and writes, no validation, no state"),
    Figure("worker.cpu_over_floor", "worker over floor", "x", "what Minuet's promises cost"),
    Figure("floor.events_per_s", "floor", "events/s", "how fast that raw loop was"),
    Figure("worker.peak_rss_mb", "worker, memory", "MB", "the most it had, resident"),
    Figure("worker.cpu_s", "worker, CPU", "s", "of the throughput run"),
    Figure("broker.cpu_s", "broker, CPU", "s", "of Kafka in the same time"),
)  # fmt: skip

STORED = (
    Figure("restore.seconds", "restore", "s", "from the first partition to every row read"),
    Figure("restore.rows_per_s", "", "rows/s", "live and ended sagas together"),
    Figure("restore.first_saga_s", "first saga", "s",
           "from the start of the process to the end of a saga that was waiting on the log"),
    Figure("restore.peak_rss_mb", "worker, memory", "MB", "the most it had, resident"),
    Figure("restore.again_seconds", "after a clean stop", "s", "with the rows that were on disk"),
    Figure("restore.again_first_saga_s", "first saga", "s", "after a clean stop"),
    Figure("restore.again_rss_mb", "worker, memory", "MB", "after a clean stop, resident"),
)  # fmt: skip

PARALLEL = (
    Figure("parallel.one_process_sagas_per_s", "one process", "sagas/s",
           "every step waits 20 ms, 50 steps at once"),
    Figure("parallel.two_processes_sagas_per_s", "two processes", "sagas/s",
           "the same, 50 at once in each"),
    Figure("parallel.ratio", "ratio", "x", "2 would be perfect"),
)  # fmt: skip

SLOW = (
    Figure("slow.without_p99_ms", "without, p99", "ms", "200 sagas/s on a fixed schedule"),
    Figure("slow.beside_p99_ms", "beside a slow one, p99", "ms",
           "the same, while a handler of another saga sleeps 10 s"),
    Figure("slow.p99_ratio", "ratio", "x", "1 would be perfect"),
    Figure("slow.slow_saga_ms", "the slow one", "ms", "the saga whose handler slept"),
)  # fmt: skip

REPEATS = (
    Figure("repeats.repeated_percent", "handlers run again", "%",
           "of all runs, when the one worker is killed at 40 % of them; median of the runs"),
    Figure("repeats.sagas", "sagas", "", "on the log before the worker starts"),
    Figure("repeats.wrong.effective_twice", "effective twice", "sagas", "of all runs; none may"),
    Figure("repeats.wrong.ended_twice", "ended twice", "sagas", "of all runs; must be none"),
    Figure("repeats.wrong.differing", "rows that differ", "", "of all runs; must be none"),
)  # fmt: skip


def value(found: dict[str, Any], figure: Figure) -> str:
    """A figure as text: three digits, or all before the point; empty where it is not known."""
    at: Any = found
    for key in figure.path.split("."):
        at = at.get(key) if isinstance(at, dict) else None
    if at is None:
        return ""
    return f"{at:,.0f}" if at >= 100 else f"{at:.3g}"


def rounded(found: Any) -> Any:
    """The same document with figures of three places after the point."""
    if isinstance(found, dict):
        return {key: rounded(inner) for key, inner in found.items()}
    if isinstance(found, list):
        return [rounded(inner) for inner in found]
    return round(found, 3) if isinstance(found, float) else found
