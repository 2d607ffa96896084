"""How a unit runs; the defaults are what the benchmarks use."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """How a unit runs.

    Args:
        in_flight: handlers at once, beside those in threads.
        window: runs that may wait for a place before reading pauses; it goes on at half of it.
        checkpoint_ms: between two checkpoints; `checkpoint_records`: or after so many records.
        threads: for sync steps with resources, so many at once, and as many again for calls that
            outlast their step's timeout.
        late: runs past their timeout that are waited for; then the oldest is cancelled.
        grace_s: how long a stop waits for handlers that run.
        append_again_s: after an append whose result is unknown.
    """

    in_flight: int = 1_000
    window: int = 4_000
    checkpoint_ms: int = 200
    checkpoint_records: int = 5_000
    threads: int = 32
    late: int = 500
    grace_s: float = 10.0
    append_again_s: float = 0.1


DEFAULTS = Options()
