"""A table that is older than its log: its rows speak of records that the log does not have."""

from __future__ import annotations

from minuet.errors import UsageError
from minuet.kafka.connection import Connection
from minuet.rebuild import beyond
from minuet.spec.model import Spec


def check_table(connection: Connection, spec: Spec) -> None:
    """Make sure, before anything is appended, that no row is from beyond the end of the log.

    Such a row would pass for newer than what is appended, once its offset is there again.

    Raises:
        BrokerError: Kafka cannot be reached.
        UsageError: one is.
    """
    found = beyond(connection, spec)
    if not any(found.values()):
        return
    rows = sum(map(len, found.values()))
    message = (
        f"{spec.table_topic} has rows of {rows:,} sagas from beyond the end of {spec.log_topic}: "
        "the log was made anew or cut short, and the table was not. Delete the topic "
        f"{spec.table_topic} and say `minuet topics apply {spec.name}`, or say `minuet rebuild "
        f"{spec.name}` while no worker runs; then replay"
    )
    raise UsageError(message)
