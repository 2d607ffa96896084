"""What a loop wants of a consumer that one thread alone may touch: done by it between two polls."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from confluent_kafka import Consumer

T = TypeVar("T")


class Errands:
    """A queue, filled on the loop's thread and run on the consumer's."""

    def __init__(self) -> None:
        self._queue: deque[Callable[[Consumer], object]] = deque()

    def add(self, errand: Callable[[Consumer], object]) -> None:
        """Have it done soon; nobody waits for it."""
        self._queue.append(errand)

    def run(self, consumer: Consumer) -> None:
        """Do all that there is."""
        while self._queue:
            self._queue.popleft()(consumer)

    async def ask(self, question: Callable[[Consumer], T]) -> T:
        """Have it done, and return what it returns, or raise what it raises."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()

        def done(found: T | None, failure: Exception | None) -> None:
            if answer.done():  # who asked was cancelled
                return
            if failure is not None:
                answer.set_exception(failure)
            else:
                answer.set_result(found)  # type: ignore[arg-type]  # it is one, where nothing failed

        def errand(consumer: Consumer) -> None:
            found, failure = None, None
            try:
                found = question(consumer)
            except Exception as error:  # for who asked
                failure = error
            with suppress(RuntimeError):  # the loop is closed: nobody hears any more
                loop.call_soon_threadsafe(done, found, failure)

        self.add(errand)
        return await answer
