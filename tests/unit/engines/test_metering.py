"""What the counter in front of the log takes for what."""

from __future__ import annotations

from typing import Any, cast

from minuet.engines.log import Append
from minuet.engines.metering import MeteredLog
from minuet.engines.native import KafkaLog
from minuet.event.record import base_headers


class Behind:
    """A log that takes everything."""

    def append(self, append: Append) -> None: ...


def test_a_call_on_a_delay_topic_is_no_dead_letter() -> None:
    log = MeteredLog(cast(KafkaLog, Behind()), "trips.events", "trips.sagas")
    event = base_headers("1", "TripAsked", b"/x", 0)

    def append(topic: str, headers: Any) -> None:
        log.append(Append(topic, 0, b"k", b"", headers))

    append("trips.events", event)
    append("trips.sagas", [])
    append("trips.retry.10s", [("ce_notbefore", b"1")])
    assert not log.letters
    append("trips.dead-letters", [*event, ("minuet_category", b"poison")])
    assert log.letters == {b"poison": 1}
    assert (log.said, log.rows_written) == ({b"TripAsked": 1}, 1)
