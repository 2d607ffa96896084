"""The figures of an ingest for Prometheus: what became of events, and how long requests waited.

Labels have few values: verdicts and status codes, never names of keys, ids or types.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.process_collector import ProcessCollector

from minuet.ingest.sink import Verdict

_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)  # it waits for 30


class Figures:
    """Counts; one for each application.

    Args:
        workflow: the label of all figures.
        under_way: asked when the figures are read: events that wait for the broker.
    """

    def __init__(self, workflow: str, under_way: Callable[[], int]) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._workflow = workflow
        text = "Events by what became of them."
        names = ("workflow", "verdict")
        events = Counter("minuet_ingest_events", text, names, registry=registry)
        self._events = {each: events.labels(workflow, each.name.lower()) for each in Verdict}
        text = "Requests with events, by the status of the answer."
        names = ("workflow", "status")
        self._requests = Counter("minuet_ingest_requests", text, names, registry=registry)
        text = "From a request to its answer, which waits for the broker."
        name = "minuet_ingest_request_seconds"
        seconds = Histogram(name, text, ("workflow",), buckets=_SECONDS, registry=registry)
        self._seconds = seconds.labels(workflow)
        text = "Events that wait for the broker."
        waiting = Gauge("minuet_ingest_under_way", text, ("workflow",), registry=registry)
        waiting.labels(workflow).set_function(under_way)

    def took(self, verdicts: Iterable[Verdict]) -> None:
        """Count the events of a request that was judged."""
        for verdict in verdicts:
            self._events[verdict].inc()

    def answered(self, status: int, seconds: float) -> None:
        """Count a request, and how long its sender waited."""
        self._requests.labels(self._workflow, str(status)).inc()
        self._seconds.observe(seconds)

    def text(self) -> bytes:
        """Return them in Prometheus' text format."""
        return generate_latest(self._registry)
