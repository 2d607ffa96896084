"""The figures of a worker for Prometheus, read from what the loop keeps when they are asked for.

Labels have few values: event types of the workflow, steps, kinds and partitions, never ids.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from minuet.engines.metering import MeteredLog
from minuet.event.platform import PLATFORM_EVENTS
from minuet.health.census import Census
from minuet.health.standing import Standing

CATEGORIES_MOST = 20  # of dead letters: users may add to them

Rows = Mapping[tuple[str, ...], float]


class Figures(Collector):
    """Reads the figures; `high` is asked for beforehand, since only Kafka knows it.

    Attributes:
        high: by partition, the log's high watermark as last heard.
    """

    def __init__(self, standing: Standing, log: MeteredLog, census: Census) -> None:
        self._standing, self._loop = standing, standing.loop
        self._log, self._census = log, census
        self._workflow = standing.loop.plan.spec.name
        self._began = time.monotonic()
        self._types = {*standing.loop.plan.bits, *PLATFORM_EVENTS}
        self.high: dict[int, int] = {}

    def collect(self) -> Iterator[Metric]:
        """Yield every figure."""
        yield from self._of_the_worker()
        yield from self._of_partitions()
        yield from self._of_events()
        yield from self._of_sagas()

    def _of_the_worker(self) -> Iterator[Metric]:
        loop, runner = self._loop, self._loop.runner
        yield self._gauge("ready", "1 when it is ready.", {(): not self._standing.lacks})
        yield self._gauge("handlers_in_flight", "Handlers that run.", {(): runner.active})
        yield self._gauge("runs_waiting", "Runs that wait for a place.", {(): runner.waiting})
        yield self._counter("runs", "Runs of handlers that were started.", {(): runner.started})
        yield self._counter("records_folded", "Records of the log, folded.", {(): loop.folded})
        suspects = runner.guard.suspects.values()
        found = Counter({"suspected": 0, "quarantined": 0})
        found.update("quarantined" if one.quarantined else "suspected" for one in suspects)
        text = "Runs and values that processes died of."
        yield self._gauge("crash_suspects", text, _by(found), "state")
        breakers: Iterable[Any] = getattr(loop, "breakers", tuple)()
        states: Rows = {(one.name, one.state): 1 for one in breakers}
        yield self._gauge("breaker_state", "1 for the state it is in.", states, "breaker", "state")

    def _of_partitions(self) -> Iterator[Metric]:
        parts = self._loop.parts
        restored = sum(part.restored for part in parts.values())
        states: Rows = {("assigned",): len(parts), ("restored",): restored}
        yield self._gauge("partitions", "Partitions of the log.", states, "state")
        lag: Rows = {
            (str(n),): max(0, self.high[n] - part.position)
            for n, part in parts.items()
            if n in self.high
        }
        yield self._gauge("lag_records", "Records not read yet.", lag, "partition")
        now, at = time.monotonic(), self._log.committed_at
        age: Rows = {
            (str(n),): 0.0 if part.position == part.committed else now - at.get(n, self._began)
            for n, part in parts.items()
        }
        text = "Since the last checkpoint, 0 when there is nothing to store."
        yield self._gauge("checkpoint_age_seconds", text, age, "partition")
        yield self._counter("restores", "Partitions restored.", {(): self._log.restores})
        yield self._counter("rows_restored", "Rows read for that.", {(): self._log.rows_read})

    def _of_events(self) -> Iterator[Metric]:
        said: Counter[str] = Counter()
        for raw, count in self._log.said.copy().items():
            name = raw.decode()
            said[name if name in self._types else "other"] += count
        yield self._counter("events_said", "Events given to Kafka, by type.", _by(said), "type")
        yield self._counter("retries", "Waits that were logged.", {(): said["StepRetrying"]})
        yield self._counter("give_ups", "Slots parked for a person.", {(): said["StepGaveUp"]})
        letters: Counter[str] = Counter()
        for category, count in self._log.letters.copy().items():
            full = len(letters) >= CATEGORIES_MOST
            letters["other" if full else category.decode(errors="replace")] += count
        yield self._counter("dead_letters", "Dead letters.", _by(letters), "category")
        failures: Rows = {(): self._log.append_failures}
        yield self._counter("append_failures", "Appends to be repeated.", failures)
        yield self._counter("rows_written", "Rows of the table.", {(): self._log.rows_written})

    def _of_sagas(self) -> Iterator[Metric]:
        if not self._census.at:
            return
        census, loop = self._census, self._loop
        yield self._gauge("sagas_live", "Sagas that have not ended.", _by(census.sagas), "status")
        text = "What waits for a person."
        yield self._gauge("incidents_open", text, _by(census.incidents), "kind")
        kept = sum(len(part.table) for part in loop.parts.values())
        yield self._gauge("sagas_kept", "Sagas in the table, ended ones too.", {(): kept})

    def _gauge(self, name: str, text: str, rows: Rows, *labels: str) -> Metric:
        family = GaugeMetricFamily(f"minuet_{name}", text, labels=["workflow", *labels])
        return self._filled(family, rows)

    def _counter(self, name: str, text: str, rows: Rows, *labels: str) -> Metric:
        family = CounterMetricFamily(f"minuet_{name}", text, labels=["workflow", *labels])
        return self._filled(family, rows)

    def _filled(self, family: GaugeMetricFamily | CounterMetricFamily, rows: Rows) -> Metric:
        for values, figure in rows.items():
            family.add_metric([self._workflow, *values], float(figure))
        return family


def _by(counts: Mapping[str, int]) -> Rows:
    return {(name,): count for name, count in counts.items()}
