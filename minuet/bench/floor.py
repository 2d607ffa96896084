"""The floor: what the client libraries alone cost for the reads and writes of a worker.

A raw loop in a process of its own: it reads each record of a throughput run's log with its headers
and decodes the value; for each record that the worker wrote it encodes one with the same content
and headers, made anew, and for each row one of the same bytes; it waits for every acknowledgement.
It folds nothing, decides nothing, validates nothing.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from io import BytesIO
from typing import Any

import fastavro

from minuet.bench import process, throughput
from minuet.bench.place import Place
from minuet.bench.worker import peak_rss_mb
from minuet.bench.workload import Workload
from minuet.event.record import SCHEMA, SCHEMA_PREFIX, TYPE
from minuet.kafka import reading
from minuet.kafka.connection import Connection
from minuet.kafka.registry import TopicRegistry

_BATCH = 1_000
_QUEUE = 200_000  # as a worker's
_PREFIX_BYTES = 5
_PATIENCE_S = 600.0


def measure(place: Place, workload: Workload, run: throughput.Run) -> process.Answer:
    """Read and write what the worker of that run did; its topics must still be there."""
    source = workload.on(run.topics).spec
    target = throughput.prepare(place, workload, "floor").spec
    arguments = {
        "bootstrap": place.connection.bootstrap,
        "options": dict(place.connection.options),
        "log": source.log_topic,
        "table": source.table_topic,
        "schemas": source.schema_topic,
        "to": target.log_topic,
        "rows_to": target.table_topic,
        "begins": target.begins,
        "events": run.events,
    }
    with process.Child("minuet.bench.floor", arguments) as child:
        return child.answer(_PATIENCE_S)


class _Loop:
    """The loop, and what it counts."""

    def __init__(self, told: dict[str, Any]) -> None:
        self._told = told
        connection = Connection(told["bootstrap"], told["options"])
        self._rows = [m.value() for m in reading.snapshot(connection, told["table"])]
        self._registry = TopicRegistry(connection, told["schemas"])
        self._schemas: dict[bytes, Any] = {}
        self._begins = told["begins"].encode()
        self._producer = connection.producer(**{"queue.buffering.max.messages": _QUEUE})
        self._consumer = connection.consumer(
            **{"group.id": f"minuet-bench-{told['to']}", "auto.offset.reset": "earliest"}
        )
        self.read = self.written = self.rows = self.acked = 0

    def run(self) -> None:
        """Read all, write all, and wait for the acknowledgements."""
        events = self._told["events"]
        while self.read < events:
            messages = self._consumer.consume(_BATCH, 0.1)
            if messages and not self.read:
                self.began = time.perf_counter()
            for message in messages:
                self._one(message)
            self._write_rows(len(self._rows) * self.read // events)
            self._producer.poll(0)
        self._producer.flush()
        self.seconds = time.perf_counter() - self.began

    def join(self) -> None:
        """Begin to read."""
        self._consumer.subscribe([self._told["log"]])

    def close(self) -> None:
        """Leave."""
        self._consumer.close()

    def _one(self, message: Any) -> None:
        headers, value = message.headers(), message.value()
        self.read += 1
        fields = dict(headers)
        schema = self._schemas.get(fields[SCHEMA]) or self._schema(fields[SCHEMA])
        source = BytesIO(value)
        source.seek(_PREFIX_BYTES)
        event = fastavro.schemaless_reader(source, schema, None)
        if fields[TYPE] == self._begins:
            return
        out = BytesIO()
        out.write(value[:_PREFIX_BYTES])
        fastavro.schemaless_writer(out, schema, event)
        fresh = [(name, text.decode().encode()) for name, text in headers]
        self._produce(self._told["to"], out.getvalue(), message.key(), fresh)
        self.written += 1

    def _write_rows(self, until: int) -> None:
        while self.rows < until:
            self._produce(self._told["rows_to"], self._rows[self.rows], b"row", [])
            self.rows += 1

    def _produce(self, topic: str, value: Any, key: bytes, headers: list[Any]) -> None:
        while True:
            try:
                self._producer.produce(
                    topic, value, key, headers=headers, on_delivery=self._delivered
                )
            except BufferError:
                self._producer.poll(0.1)
            else:
                return

    def _delivered(self, error: object, _: object) -> None:
        if error is not None:
            message = f"the floor's write failed: {error}"
            raise RuntimeError(message)
        self.acked += 1

    def _schema(self, header: bytes) -> Any:
        found = self._registry.find(header.removeprefix(SCHEMA_PREFIX).decode())
        if found is None:
            message = f"no schema {header.decode()}"
            raise RuntimeError(message)
        parsed = fastavro.parse_schema(json.loads(found.text))
        self._schemas[header] = parsed
        return parsed


def main() -> None:
    """Run the loop that the first line of standard input describes, and say what it used."""
    gc.disable()  # it makes no cycles: a floor pays for nothing that it does not need
    loop = _Loop(json.loads(sys.stdin.readline()))
    cpu_before = time.process_time()
    loop.join()
    loop.run()
    cpu_s = time.process_time() - cpu_before
    loop.close()
    answer = {
        "events_per_s": loop.read / loop.seconds,
        "cpu_us_per_event": cpu_s / loop.read * 1e6,
        "cpu_s": cpu_s,
        "seconds": loop.seconds,
        "events": loop.read,
        "written": loop.written,
        "rows": loop.rows,
        "acked": loop.acked,
        "peak_rss_mb": peak_rss_mb(),
    }
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
