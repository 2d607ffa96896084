"""The reference saga on Quix Streams: a StreamingDataFrame on the topic, the orders in its State.

Quix keeps what changed since its last checkpoint in memory; a checkpoint writes it to the
changelog, waits for all that was produced, and commits. A crash takes both back to the last one.
"""

from __future__ import annotations

from typing import Any

from quixstreams import Application, State
from quixstreams.models import Deserializer, Serializer

from bench.sidebyside.programs import wire
from bench.sidebyside.programs.events import Event
from bench.sidebyside.programs.job import COMMIT_S, SESSION_S, Job
from bench.sidebyside.programs.saga import react


class EventSerializer(Serializer):
    """An event's bytes."""

    def __call__(self, value: Event, ctx: object) -> bytes:
        """Encode it."""
        return wire.encode(value)


class EventDeserializer(Deserializer):
    """The event of a record's bytes."""

    def __call__(self, value: bytes, ctx: object) -> Event:
        """Decode it."""
        return wire.decode(value)


def main() -> None:
    """Work until asked to stop."""
    job = Job.told()
    note = job.note()
    app = Application(
        broker_address=job.bootstrap,
        consumer_group=job.group,
        auto_offset_reset="earliest",
        processing_guarantee="at-least-once",
        commit_interval=COMMIT_S,
        state_dir=job.state,
        consumer_extra_config={"session.timeout.ms": SESSION_S * 1000},
        producer_extra_config={"acks": "all", "compression.type": "lz4", "linger.ms": 1},
        loglevel="WARNING",
    )
    log = app.topic(
        job.topic,
        key_deserializer="bytes",
        key_serializer="bytes",
        value_deserializer=EventDeserializer(),
        value_serializer=EventSerializer(),
    )

    def answer(event: Event, key: bytes, _time: int, _headers: Any, state: State) -> list[Event]:
        before = state.get("saga")
        saga, said = react(before, event, note, key.decode())
        if saga is not before:
            state.set("saga", saga)
        return [] if said is None else [said]

    sdf = app.dataframe(log)
    sdf.apply(answer, stateful=True, expand=True, metadata=True).to_topic(log)
    app.run()


if __name__ == "__main__":
    main()
