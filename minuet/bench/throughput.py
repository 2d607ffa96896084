"""Throughput: all sagas stand on the log before one worker starts; it works them off."""

from __future__ import annotations

from dataclasses import dataclass

from minuet.bench import process
from minuet.bench.ends import Ends
from minuet.bench.place import Place
from minuet.bench.stages import Progress
from minuet.bench.workload import Job, Workload
from minuet.kafka import topics
from minuet.publish.publisher import Publisher
from minuet.spec.assemble import Workflow


@dataclass(frozen=True)
class Run:
    """One run, from when the worker had its partitions to the last end event read back.

    Args:
        topics: the name of its topics, which are still there.
        events: records on the log, the begin events too.
        worker_cpu_s: of the worker in that time, and for its last checkpoint.
    """

    topics: str
    sagas: int
    events: int
    seconds: float
    outcomes: dict[str, int]
    doubled: int
    worker_cpu_s: float
    worker_peak_rss_mb: float
    broker_cpu_s: float | None

    @property
    def sagas_per_s(self) -> float:
        """Sagas ended in a second."""
        return self.sagas / self.seconds


def prepare(place: Place, workload: Workload, label: str) -> Workflow:
    """Make fresh topics for a workload; the name of the workflow is theirs."""
    workflow = workload.on(place.fresh(f"{workload.workflow}-{label}"))
    topics.apply(place.connection, topics.plan(workflow.spec))
    return workflow


def publisher(place: Place, workflow: Workflow) -> Publisher:
    """A publisher of the workflow's begin events."""
    spec = workflow.spec
    begins = workflow.models[spec.begins]
    where = place.connection
    return Publisher(
        spec.name, spec.key, begins,
        bootstrap=where.bootstrap, options=where.options, prefix=spec.prefix,
    )  # fmt: skip


def measure(
    place: Place, workload: Workload, label: str, sagas: int, progress: Progress = lambda _: None
) -> Run:
    """Run so many sagas through one worker."""
    workflow = prepare(place, workload, label)
    with publisher(place, workflow) as out:
        for event in workload.begin(workflow, sagas):
            out.send(event)
    name = workflow.spec.name
    with Ends(place.connection, workflow.spec.log_topic) as ends:
        broker_before = place.broker_cpu_s()
        with process.worker(Job.on(place.connection, workload, name)) as child:
            began = child.answer()
            last = ends.until(sagas, progress)
            used = child.stop()
        broker_after = place.broker_cpu_s()
    return Run(
        topics=name,
        sagas=sagas,
        events=ends.records,
        seconds=last - began["at"],
        outcomes=ends.outcomes,
        doubled=ends.doubled,
        worker_cpu_s=used["cpu_s"] - began["cpu_s"],
        worker_peak_rss_mb=used["peak_rss_mb"],
        broker_cpu_s=None if broker_before is None else (broker_after or 0) - broker_before,
    )
