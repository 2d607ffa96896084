"""What a loop wants of a consumer that another thread holds."""

from __future__ import annotations

import asyncio
import threading
from typing import cast

import pytest
from confluent_kafka import Consumer

from minuet.engines.errands import Errands

CONSUMER = cast("Consumer", object())


async def on_a_thread(errands: Errands) -> None:
    thread = threading.Thread(target=errands.run, args=(CONSUMER,))
    thread.start()
    await asyncio.to_thread(thread.join)


def test_what_is_asked_is_answered_by_whoever_holds_the_consumer() -> None:
    async def main() -> None:
        errands = Errands()
        asked = asyncio.create_task(errands.ask(lambda consumer: (consumer, threading.get_ident())))
        await asyncio.sleep(0)
        await on_a_thread(errands)
        consumer, thread = await asked
        assert consumer is CONSUMER
        assert thread != threading.get_ident()

    asyncio.run(main())


def test_what_fails_there_is_raised_here_and_the_next_one_is_done() -> None:
    async def main() -> None:
        errands = Errands()
        done: list[object] = []

        def fail(_: Consumer) -> None:
            message = "no such partition"
            raise KeyError(message)

        asked = asyncio.create_task(errands.ask(fail))
        await asyncio.sleep(0)
        errands.add(done.append)
        await on_a_thread(errands)
        with pytest.raises(KeyError, match="no such partition"):
            await asked
        assert done == [CONSUMER]

    asyncio.run(main())


def test_nobody_is_answered_who_does_not_wait_any_more() -> None:
    async def main() -> None:
        errands = Errands()
        asked = asyncio.create_task(errands.ask(lambda _: 1))
        await asyncio.sleep(0)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        await on_a_thread(errands)
        await asyncio.sleep(0)  # the answer came

    asyncio.run(main())


def test_a_loop_that_is_closed_is_not_told() -> None:
    errands = Errands()
    loop = asyncio.new_event_loop()
    asked = loop.create_task(errands.ask(lambda _: 1))
    loop.run_until_complete(asyncio.sleep(0))
    asked.cancel()
    loop.run_until_complete(asyncio.gather(asked, return_exceptions=True))
    loop.close()
    errands.run(CONSUMER)
