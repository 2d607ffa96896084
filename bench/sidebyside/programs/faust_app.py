"""The reference saga as a Faust app: an agent on the topic, the orders in a Table.

`faust -A bench.sidebyside.programs.faust_app worker`. The agent works on one event at a time, in
their order: with `concurrency` above 1 Faust may commit past an event that is not done. What it
sends is not waited for one by one; Faust waits for all of it before it commits.
"""

from __future__ import annotations

import logging
from typing import Any

import faust
from faust.serializers import codecs

from bench.sidebyside.programs import wire
from bench.sidebyside.programs.job import COMMIT_S, SESSION_S, Job
from bench.sidebyside.programs.saga import react


class OrderEvents(codecs.Codec):
    """The events' bytes, in Faust's own way of saying it."""

    def _dumps(self, obj: Any) -> bytes:
        return wire.encode(obj)

    def _loads(self, s: bytes) -> Any:
        return wire.decode(s)


for library in ("aiokafka", "faust"):  # they make a line of each record, which nobody writes
    logging.getLogger(library).setLevel(logging.WARNING)
codecs.register("order-events", OrderEvents())

job = Job.told()
note = job.note()
app = faust.App(
    job.group,
    broker=f"kafka://{job.bootstrap}",
    store="rocksdb://",  # what its guide recommends in production
    datadir=job.state,
    version=1,
    topic_partitions=job.partitions,
    topic_replication_factor=1,
    topic_disable_leader=True,
    processing_guarantee="at_least_once",
    consumer_auto_offset_reset="earliest",
    broker_commit_interval=COMMIT_S,
    broker_session_timeout=SESSION_S,
    broker_heartbeat_interval=SESSION_S / 4,
    producer_acks=-1,
    producer_compression_type="lz4",
    web_enabled=False,
)
log = app.topic(job.topic, key_type=str, value_serializer="order-events", partitions=job.partitions)
orders = app.Table("orders", key_type=str, partitions=job.partitions)


@app.agent(log)
async def choreograph(stream: Any) -> None:
    """Answer each event of each order."""
    async for key, event in stream.items():
        before = orders.get(key)
        saga, answer = react(before, event, note, key)
        if answer is not None:
            await log.send(key=key, value=answer)
        if saga is not before:
            orders[key] = saga
