"""Restore: a worker starts on a table of many sagas, live ones and ended ones.

The live sagas wait for a retry that is far away: their two records stand on the log, and their rows
are folded from it. The ended ones have rows like those that a worker wrote of a few real sagas,
each with ids of its own; their records are not written, for a restore does not read them: the
group's position stands at the end of the log.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from tempfile import TemporaryDirectory
from typing import Any

from minuet.bench import process, throughput
from minuet.bench.ends import Ends
from minuet.bench.place import Place
from minuet.bench.reference import saga as reference
from minuet.bench.stages import Progress, Stage, quiet
from minuet.bench.workload import Job, Workload
from minuet.contracts.codec import Codec
from minuet.core.due import due
from minuet.core.plan import Plan, compile_plan
from minuet.core.row import pack, unpack
from minuet.core.state import State
from minuet.core.table import Table
from minuet.engines.compose import Composer
from minuet.errors import BrokerError
from minuet.event.ids import begin_id
from minuet.event.platform import StepRetrying
from minuet.event.record import Record, parse
from minuet.kafka import reading
from minuet.kafka.registry import TopicRegistry
from minuet.kafka.writer import Place as Written
from minuet.kafka.writer import WriteError, Writer
from minuet.publish.envelope import Envelope, Sealed
from minuet.spec.assemble import Workflow

SAMPLES = 100  # real sagas whose rows are repeated: 95 completed, 5 compensated
_WAIT_MS = 365 * 24 * 3600 * 1000
_STEP = 1_000  # between two looks at how far it is
_RESTORE_S = 600.0
_AGAIN = ("seconds", "first_saga_s", "rss_mb")  # of a second start, with what the first one left


def measure(place: Place, live: int, ended: int, stage: Stage = quiet) -> dict[str, Any]:
    """Fill a table, start a worker on it, and see how long it takes and what it needs."""
    workload = Workload()
    workflow = throughput.prepare(place, workload, "stored")
    samples = _samples(place, workload)
    _write_live(place, workflow, live, stage(f"{live} live sagas on the log", live))
    _write_live_rows(place, workflow, stage(f"{live} live rows", live))
    _write_ended(place, workflow, samples, ended, stage(f"{ended} ended rows", ended))
    _commit_end(place, workflow.spec.group, workflow.spec.log_topic)
    with TemporaryDirectory() as folder:
        job = replace(Job.on(place.connection, workload, workflow.spec.name), state=folder)
        first = _start(place, workflow, job, live + ended)
        again = _start(place, workflow, job, live + ended + 1)
    figures = {"live": live, "ended": ended, **first}
    return figures | {f"again_{name}": again[name] for name in _AGAIN}


def _start(place: Place, workflow: Workflow, job: Job, sagas: int) -> dict[str, float]:
    """Start a worker on so many sagas, begin one more, and stop it when that has ended."""
    with (
        throughput.publisher(place, workflow) as publisher,
        Ends(place.connection, workflow.spec.log_topic) as ends,
    ):
        started = time.time()
        with process.worker(job) as child:
            (new,) = reference.orders(1, first=sagas + 1)
            publisher.publish(new)
            began = child.answer()
            restored = child.answer(_RESTORE_S)
            first_end = ends.wait_for(new.order_id.encode(), _RESTORE_S)
            used = child.stop()
    if restored["sagas"] < sagas:
        message = f"the worker restored {restored['sagas']} rows of {sagas}"
        raise BrokerError(message)
    seconds = restored["at"] - began["at"]
    return {
        "seconds": seconds,
        "rows_per_s": restored["sagas"] / seconds,
        "cpu_s": restored["cpu_s"] - began["cpu_s"],
        "first_saga_s": first_end - started,
        "rss_mb": restored["rss_mb"],
        "peak_rss_mb": used["peak_rss_mb"],
    }


def _samples(place: Place, workload: Workload) -> list[State]:
    """States of ended sagas, unpacked from the rows that a worker wrote."""
    run = throughput.measure(place, workload, "sample", SAMPLES)
    plan = compile_plan(workload.on(run.topics).spec)
    table = plan.spec.table_topic
    rows = {m.key(): m.value() for m in reading.snapshot(place.connection, table)}
    states = [unpack(plan, (key or b"").decode(), row or b"") for key, row in rows.items()]
    return [state for state in states if state.known]


def _write_live(place: Place, workflow: Workflow, count: int, progress: Progress) -> None:
    """Write, for each saga, its begin event and that the first step waits."""
    plan, codec = compile_plan(workflow.spec), _codec(place, workflow)
    spec = workflow.spec
    envelope = Envelope(spec.name, spec.key, [workflow.models[spec.begins]], codec)
    composer = Composer(spec, codec, _now_ms)
    out = _Out(place, spec.log_topic)
    for n, order in enumerate(reference.orders(count)):
        sealed = envelope.seal(order, _now_ms())
        out.write(sealed.key, sealed.value, sealed.headers)
        table = Table(plan)
        state = table.fold(_record(sealed))
        (slot,) = due(plan, state, _now_ms())
        event = StepRetrying(
            step=slot.step.name, slot=slot.id, attempt=1, error="the warehouse is closed",
            not_before=_now_ms() + _WAIT_MS,
        )  # fmt: skip
        said = composer.retrying(slot, state, 0, event)
        out.write(said.key, said.value or b"", list(said.headers))
        if n % _STEP == 0:
            progress(n)
    out.flush()


def _write_live_rows(place: Place, workflow: Workflow, progress: Progress) -> None:
    """Fold the log and write a row for each saga, as a worker does."""
    plan = compile_plan(workflow.spec)
    tables = [Table(plan) for _ in range(workflow.spec.partitions)]
    for m in reading.snapshot(place.connection, workflow.spec.log_topic):
        tables[m.partition() or 0].fold(reading.record_of(m))
    out = _Out(place, workflow.spec.table_topic)
    done = 0
    for table in tables:
        keys = list(table.keys())
        for start in range(0, len(keys), _STEP):
            for key, row in table.pack(keys[start : start + _STEP]):
                out.write(key.encode(), row, [])
            done += len(keys[start : start + _STEP])
            progress(done)
    out.flush()


def _write_ended(
    place: Place, workflow: Workflow, samples: list[State], count: int, progress: Progress
) -> None:
    out = _Out(place, workflow.spec.table_topic)
    for n, (key, row) in enumerate(_ended_rows(compile_plan(workflow.spec), samples, count)):
        out.write(key, row, [])
        if n % _STEP == 0:
            progress(n)
    out.flush()


def _ended_rows(plan: Plan, samples: list[State], count: int) -> Iterator[tuple[bytes, bytes]]:
    """Rows of ended sagas: the samples over and over, each with ids and a key of its own."""
    spec = plan.spec
    for n in range(count):
        state = samples[n % len(samples)]
        saga_id = f"ended-{n}"
        state.saga_id = saga_id
        if state.begin_id:
            state.begin_id = begin_id(spec.name, spec.begins, saga_id)
        state.known = os.urandom(len(state.known))
        state.log_offset = 0  # the log has none of their events
        yield saga_id.encode(), pack(plan, state)


def _commit_end(place: Place, group: str, topic: str) -> None:
    """Put the group's position at the end of the log."""
    consumer = place.connection.consumer(**{"group.id": group, "auto.offset.reset": "latest"})
    consumer.subscribe([topic])
    try:
        until = time.monotonic() + process.START_S
        while not (places := consumer.assignment()):
            consumer.poll(0.05)
            if time.monotonic() > until:
                message = f"Kafka at {place.connection.bootstrap} gives {topic} to nobody"
                raise BrokerError(message)
        for one in places:
            one.offset = consumer.get_watermark_offsets(one, timeout=process.START_S)[1]
        consumer.commit(offsets=places, asynchronous=False)
    finally:
        consumer.close()


class _Out:
    """Writes to a topic, as fast as it is taken."""

    def __init__(self, place: Place, topic: str) -> None:
        self._writer = Writer(place.connection, topic, **{"linger.ms": 5})
        self._failed: WriteError | None = None

    def write(self, key: bytes, value: bytes, headers: Any) -> None:
        """Hand a record over; waits while the queue is full."""
        while True:
            try:
                self._writer.append(key, value, headers, self._done)
            except BufferError:
                self._writer.serve(0.1)
            else:
                return

    def flush(self) -> None:
        """Wait until all is written."""
        self._writer.flush()
        if self._failed is not None:
            raise self._failed

    def _done(self, result: Written | WriteError) -> None:
        if isinstance(result, WriteError):
            self._failed = result


def _codec(place: Place, workflow: Workflow) -> Codec:
    codec = Codec(
        workflow.models.values(), TopicRegistry(place.connection, workflow.spec.schema_topic)
    )
    codec.register()
    return codec


def _record(sealed: Sealed) -> Record:
    headers = [(name, value) for name, value in sealed.headers if isinstance(value, bytes)]
    return parse(sealed.key, sealed.value, headers, 0, _now_ms())


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
