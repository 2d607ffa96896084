"""Latency: from what somebody wanted to the saga's end event, read back from the log."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from minuet.bench import process, throughput
from minuet.bench.ends import Ends
from minuet.bench.place import Place
from minuet.bench.stages import Progress
from minuet.bench.workload import Job, Workload
from minuet.event.model import Event
from minuet.publish.publisher import Publisher
from minuet.spec.assemble import Workflow

WARM_UP = 50  # sagas that are not measured: imports, schemas and connections are made by then
_LOOK_S = 0.05


@dataclass(frozen=True)
class Latencies:
    """How long sagas took, each in ms, in the order they began.

    Args:
        late_ms: how far the bench itself fell behind its schedule at worst.
    """

    ms: Sequence[float]
    late_ms: float = 0.0

    def percentile(self, percent: float) -> float:
        """The time within which so many of a hundred ended: nearest rank, never interpolated."""
        ranked = sorted(self.ms)
        rank = -(-len(ranked) * percent // 100)  # rounded up
        return ranked[max(int(rank), 1) - 1]


@dataclass
class Bench:
    """A worker that is up and warm, a publisher and a reader."""

    workload: Workload
    workflow: Workflow
    publisher: Publisher
    ends: Ends
    begun: int = 0

    def events(self, count: int) -> Iterator[tuple[bytes, Event]]:
        """Yield the next begin events, each with its saga's id."""
        first, self.begun = self.begun + 1, self.begun + count
        for event in self.workload.begin(self.workflow, count, first):
            yield str(getattr(event, self.workflow.spec.key)).encode(), event

    def one_at_a_time(self, count: int, progress: Progress = lambda _: None) -> Latencies:
        """Begin a saga, wait for its end, begin the next; from the publish call."""
        found = []
        for key, event in self.events(count):
            began = time.time()
            self.publisher.publish(event)
            found.append((self.ends.wait_for(key) - began) * 1000)
            progress(len(found))
        return Latencies(found)

    def open_loop(self, per_s: int, count: int, progress: Progress = lambda _: None) -> Latencies:
        """Begin sagas on a fixed schedule, however long others take.

        A saga's time counts from when it should have begun, so that a stall is not forgotten by
        a bench that stalls with it.
        """
        scheduled: dict[bytes, float] = {}
        begin, late_s = time.time() + _LOOK_S, 0.0
        for number, (key, event) in enumerate(self.events(count)):
            scheduled[key] = due = begin + number / per_s
            while (wait_s := due - time.time()) > 0:
                self.ends.wait(wait_s)
            late_s = max(late_s, -wait_s)
            self.publisher.send(event)
            progress(number + 1)
        for key in scheduled:
            self.ends.wait_for(key)
        ended = self.ends.ended
        return Latencies([(ended[k] - at) * 1000 for k, at in scheduled.items()], late_s * 1000)


@contextmanager
def running(place: Place, workload: Workload, label: str) -> Iterator[Bench]:
    """Start a worker on fresh topics and warm it up."""
    workflow = throughput.prepare(place, workload, label)
    job = Job.on(place.connection, workload, workflow.spec.name)
    with (
        throughput.publisher(place, workflow) as publisher,
        Ends(place.connection, workflow.spec.log_topic) as ends,
        process.worker(job) as child,
    ):
        child.answer()
        bench = Bench(workload, workflow, publisher, ends)
        bench.one_at_a_time(WARM_UP)
        yield bench
        child.stop()


def without(latencies: Latencies, indexes: Iterable[int]) -> Latencies:
    """The same, but for some sagas."""
    left_out = set(indexes)
    kept = [ms for n, ms in enumerate(latencies.ms) if n not in left_out]
    return Latencies(kept, latencies.late_ms)
