"""Threads for calls that block, which keep no process alive.

The threads of `concurrent.futures` are waited for when a process ends, however long they take; a
call that never returns would so keep a worker that was stopped. What is cut off here is in doubt,
as after a crash, and will be asked again under the same key.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_Call = tuple["Future[Any]", Callable[[], Any]]


class Threads(Executor):
    """An executor whose threads are daemons; they are started as they are needed.

    Args:
        most: so many at once.
        name: of each, with its number.
    """

    def __init__(self, most: int, name: str) -> None:
        self._most, self._name = most, name
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._started = 0
        self._closed = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Call it in a thread, when one is free.

        Raises:
            RuntimeError: it was shut down, or the system starts no more threads.
        """
        if self._closed:
            message = "no call is taken after the shutdown"
            raise RuntimeError(message)
        if not self._idle.acquire(blocking=False) and self._started < self._most:
            name = f"{self._name}-{self._started}"
            threading.Thread(target=self._run, name=name, daemon=True).start()
            self._started += 1
        future: Future[T] = Future()
        self._calls.put((future, partial(fn, *args, **kwargs)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; nobody waits for those that run, whatever `wait` says."""
        self._closed = True
        while cancel_futures:
            try:
                call = self._calls.get_nowait()
            except Empty:
                break
            if call is not None:
                call[0].cancel()
        for _ in range(self._started):
            self._calls.put(None)

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            future, function = call
            if future.set_running_or_notify_cancel():
                try:
                    result = function()
                except BaseException as error:
                    future.set_exception(error)
                else:
                    future.set_result(result)
            del call, future, function  # while it waits it keeps nobody's arguments
            self._idle.release()
