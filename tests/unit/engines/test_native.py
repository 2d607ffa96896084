"""The log on Kafka, as far as it can be told without one: nothing listens at its address."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError

from minuet.engines.log import Append, Sink
from minuet.engines.native import KafkaLog
from minuet.engines.native_writing import Writer
from minuet.kafka.connection import Connection

NOWHERE = Connection("127.0.0.1:1")


class Told:
    """A sink that keeps what it was told."""

    def __init__(self) -> None:
        self.failures: list[tuple[Append, bool]] = []
        self.error: Exception | None = None
        self.heard = asyncio.Event()

    def failed(self, append: Append, reason: str, *, final: bool) -> None:
        self.failures.append((append, final))
        self.heard.set()

    def broken(self, error: Exception) -> None:
        self.error = error
        self.heard.set()


async def opened(told: Told) -> KafkaLog:
    log = KafkaLog(NOWHERE, "a.events", "a.sagas", group="a", reads_from="a", client_id="a")
    await log.open(cast(Sink, told))
    return log


def writer_of(log: KafkaLog) -> Writer:
    return cast(Writer, log._writer)


def run(story: Coroutine[Any, Any, None]) -> None:
    async def main() -> None:
        async with asyncio.timeout(30):
            await story

    asyncio.run(main())


def test_a_record_that_is_too_large_fails_for_good_as_an_ack_would() -> None:
    async def story() -> None:
        told = Told()
        log = await opened(told)
        large = Append("a.events", 0, b"k", b"." * 2_000_000, [])
        log.append(large)
        assert told.failures == []
        await told.heard.wait()
        assert told.failures == [(large, True)]
        await log.close()

    run(story())


@pytest.mark.parametrize(
    "code", [KafkaError._MSG_TIMED_OUT, KafkaError._TRANSPORT, KafkaError.NOT_ENOUGH_REPLICAS]
)
def test_what_may_have_been_written_or_may_pass_is_not_final(code: int) -> None:
    async def story() -> None:
        told = Told()
        log = await opened(told)
        append = Append("a.events", 0, b"k", b"", [])
        writer_of(log)._failed(append, KafkaError(code))
        assert told.failures == [(append, False)]
        await log.close()

    run(story())


def test_a_producer_that_can_write_no_more_breaks_the_log() -> None:
    async def story() -> None:
        told = Told()
        log = await opened(told)
        writer_of(log)._failed(Append("a.events", 0, b"k", b"", []), KafkaError(KafkaError._FATAL))
        assert told.error is not None
        assert told.failures == []
        await log.close()

    run(story())


def test_a_member_leaves_its_group_before_the_reader_of_calls_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def story() -> None:
        log = await opened(Told())
        left = asyncio.Event()
        stop_member, stop_calls = log._member.stop, log._calls.stop

        async def leave(patience_s: float) -> None:
            await stop_member(patience_s)
            left.set()

        async def end_calls() -> None:
            await left.wait()  # in turn, this would wait for ever
            await stop_calls()

        monkeypatch.setattr(log._member, "stop", leave)
        monkeypatch.setattr(log._calls, "stop", end_calls)
        await log.close()

    run(story())
