"""How a unit runs; the defaults are what the benchmarks use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

Guarantee = Literal["at-least-once", "transactional"]


@dataclass(frozen=True, slots=True)
class Options:
    """How a unit runs: the table `[tool.minuet.worker]`.

    Args:
        in_flight: handlers at once, beside those in threads.
        window: runs that may wait for a place before reading pauses; it goes on at half of it.
        checkpoint_ms: between two checkpoints; `checkpoint_records`: or after so many records.
        threads: for sync steps with resources, so many at once, and as many again for calls that
            outlast their step's timeout.
        late: runs past their timeout that are waited for; then the oldest is cancelled.
        timers: of waits, in each partition, that are kept in memory; beyond these a long wait is
            left to a record on a delay topic.
        rows: of the table that are kept in memory, in all partitions together; beyond these they
            are on disk, in the folder that `--state` names.
        grace_s: how long a stop waits for handlers that run.
        append_again_s: after an append whose result is unknown.
        look_s: between two looks for rows that another writer left behind ours; 0 for none. It has
            to be less than the table's `min.compaction.lag.ms`, a day.
        guarantee: how it is written: each record by itself, or in Kafka's transactions.
    """

    in_flight: PositiveInt = 1_000
    window: PositiveInt = 4_000
    checkpoint_ms: PositiveInt = 200
    checkpoint_records: PositiveInt = 5_000
    threads: PositiveInt = 32
    late: PositiveInt = 500
    timers: NonNegativeInt = 20_000
    rows: NonNegativeInt = 20_000
    grace_s: PositiveFloat = 10.0
    append_again_s: PositiveFloat = 0.1
    look_s: NonNegativeFloat = 600.0
    guarantee: Guarantee = "at-least-once"


DEFAULTS = Options()
