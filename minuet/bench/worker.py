"""A worker in a process of its own: what the bench measures, with its own CPU time and memory.

It is told on standard input what to run, and runs it as `minuet worker` does, guarded against
crashes. It says on standard output, one JSON document a line, when it has its partitions and, once
its standard input is closed and it has stopped, what it used.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from minuet.bench.workload import Job
from minuet.engines.crash_memory import CrashMemory
from minuet.engines.loop import Loop
from minuet.engines.worker import Assignment, run
from minuet.errors import MinuetError
from minuet.kafka.connection import Connection
from minuet.settings.worker import Options

_LOOK_S = 0.001


def peak_rss_mb() -> float:
    """The most memory this process has had.

    Linux's `ru_maxrss` begins with what the parent had: only asked where there is no /proc.
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (1024**2 if sys.platform == "darwin" else 1024)
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _rss_mb() -> float:
    """The memory it has now; where the system does not tell, the most it has had."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return peak_rss_mb()
    return pages * resource.getpagesize() / 1024**2


def main() -> None:
    """Run the worker that the first line of standard input describes."""
    try:
        job = Job.read(sys.stdin.readline())
        with TemporaryDirectory() as folder:
            asyncio.run(_run(job, CrashMemory(Path(job.state or folder)).folder))
    except MinuetError as error:
        sys.exit(f"minuet bench, worker: {error}")


async def _run(job: Job, state: Path) -> None:
    kept: list[Loop] = []
    tasks: list[asyncio.Task[None]] = []

    def ready(loop: Loop) -> None:
        kept.append(loop)
        tasks.append(asyncio.ensure_future(_tell(loop)))
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), _stop_at_end, loop, tasks)

    options = Options(in_flight=job.in_flight, guarantee=job.workload.guarantee)
    assignment = Assignment(form="simulated", options=options, state=state)
    workflow = job.workload.on(job.topics)
    await run(workflow, Connection(job.bootstrap, job.options), assignment, ready=ready)
    _say(folded=kept[0].folded)


async def _tell(loop: Loop) -> None:
    """Say that work begins, and later that the log has been read to where it ended then."""
    while not loop.parts:
        await asyncio.sleep(_LOOK_S)
    _say()
    while not all(part.restored for part in loop.parts.values()):
        await asyncio.sleep(_LOOK_S)
    restored = {"at": time.time(), "cpu_s": time.process_time(), "rss_mb": _rss_mb()}
    _say(**restored, sagas=sum(1 for p in loop.parts.values() for _ in p.table.keys()))  # noqa: SIM118


def _stop_at_end(loop: Loop, tasks: list[asyncio.Task[None]]) -> None:
    if not os.read(sys.stdin.fileno(), 1):  # the bench has closed it, or is gone
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        tasks.append(asyncio.ensure_future(loop.stop()))


def _say(**more: float) -> None:
    used = {"at": time.time(), "cpu_s": time.process_time(), "peak_rss_mb": peak_rss_mb()}
    sys.stdout.write(json.dumps({**used, **more}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
