"""Reading: where it stands, when it is over, and how far it runs ahead."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import cast

import pytest
from confluent_kafka import KafkaError, Message

from minuet.engines import native_reading
from minuet.engines.native_reading import AHEAD_MOST, AHEAD_MOST_BYTES, Lead, stored_rows
from minuet.errors import BrokerError
from minuet.kafka.connection import Connection

EOF = KafkaError._PARTITION_EOF


class Stored:
    """A message of the table: a row, or an error."""

    def __init__(self, offset: int | None, code: int = 0) -> None:
        self._offset, self._code = offset, code

    def offset(self) -> int | None:
        return self._offset

    def error(self) -> KafkaError | None:
        return KafkaError(self._code) if self._code else None

    def key(self) -> bytes:
        return b"k"

    def value(self) -> bytes:
        return b"row"


class Table(Connection):
    """A connection whose only consumer reads these batches, then nothing."""

    def consumer(self, **over: object) -> Table:  # type: ignore[override]
        return self

    def get_watermark_offsets(self, *_: object, timeout: float) -> tuple[int, int]:
        return 0, 10

    def assign(self, places: object) -> None: ...

    def consume(self, most: int, wait_s: float) -> list[Message]:
        return cast(list[Message], self.batches.pop(0) if self.batches else [])

    def close(self) -> None: ...

    batches: list[list[Stored]]


def rows(*batches: list[Stored]) -> list[int]:
    """The offsets that are read."""
    table = Table("nowhere:1")
    object.__setattr__(table, "batches", list(batches))

    async def read() -> list[int]:
        chunks: list[Sequence[tuple[bytes, bytes | None, int]]] = [
            chunk async for chunk in stored_rows(table, ("a.sagas", 0), 0, None)
        ]
        return [offset for chunk in chunks for _, _, offset in chunk]

    return asyncio.run(read())


def test_reading_ends_at_the_end_that_was_taken_first() -> None:
    assert rows([Stored(0), Stored(3)], [Stored(9), Stored(10)]) == [0, 3, 9]


def test_a_gap_at_the_end_is_known_by_the_end_of_the_partition() -> None:
    assert rows([Stored(0)], [Stored(10, EOF)]) == [0]


def test_an_error_that_passes_moves_nothing() -> None:
    passing = [Stored(None, KafkaError._TRANSPORT), Stored(99, KafkaError._TRANSPORT)]
    assert rows([Stored(0), Stored(8)], passing, [Stored(9)]) == [0, 8, 9]


def test_an_error_that_lasts_is_raised() -> None:
    with pytest.raises(BrokerError, match="may not use the topic"):
        rows([Stored(0)], [Stored(None, KafkaError.TOPIC_AUTHORIZATION_FAILED)])


def test_a_broker_that_sends_nothing_more_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native_reading, "STALLED_S", 0)
    with pytest.raises(BrokerError, match="stands at 4 of 10"):
        rows([Stored(3)])


def test_reading_waits_above_the_bound_and_goes_on_at_half_of_it() -> None:
    lead = Lead()
    lead.handed_over(AHEAD_MOST, 0)
    assert not lead.is_far()
    lead.handed_over(1, 0)
    assert lead.is_far()
    lead.delivered(AHEAD_MOST // 2, 0)
    assert lead.is_far()
    lead.delivered(1, 0)
    assert not lead.is_far()


def test_large_records_are_bounded_by_their_bytes() -> None:
    lead = Lead()
    lead.handed_over(1, AHEAD_MOST_BYTES + 1)
    assert lead.is_far()
    lead.delivered(1, AHEAD_MOST_BYTES + 1)
    assert not lead.is_far()
