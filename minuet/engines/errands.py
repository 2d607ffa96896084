"""What a loop wants of a consumer that one thread alone may touch: done by it between two polls."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

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

        def settle(how: Callable[[Any], None], what: object) -> None:
            if not answer.done():  # else who asked was cancelled
                how(what)

        def tell(how: Callable[[Any], None], what: object) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody hears any more
                loop.call_soon_threadsafe(settle, how, what)

        def errand(consumer: Consumer) -> None:
            try:
                found = question(consumer)
            except Exception as failure:  # for who asked
                tell(answer.set_exception, failure)
            else:
                tell(answer.set_result, found)

        self.add(errand)
        return await answer
