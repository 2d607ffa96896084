"""Writing through Faust's producer, each record acknowledged by itself."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, cast

import faust
from aiokafka import errors
from faust.exceptions import ProducerSendError
from faust.transport.drivers.aiokafka import Producer

from minuet.engines.log import Append, Sink
from minuet.errors import BrokerError

_FORBIDDEN = (
    errors.TopicAuthorizationFailedError,
    errors.ClusterAuthorizationFailedError,
)
# The record itself is refused; what is not named here may pass, or may even have been written.
_REFUSED = (
    errors.MessageSizeTooLargeError,
    errors.InvalidMessageError,
    errors.InvalidTimestampError,
)
_DEAD = (errors.ProducerClosed, errors.OutOfOrderSequenceNumber, errors.InvalidProducerEpoch)


class Writer:
    """Hands each append to the app's producer, in the order of its partition.

    Args:
        app: whose producer writes.
    """

    def __init__(self, app: faust.App) -> None:
        self._app = app
        self._waiting: deque[Append] = deque()
        self._task: asyncio.Task[None] | None = None
        self._unacked = 0

    def start(self, sink: Sink) -> None:
        """Tell this sink what cannot be written."""
        self._sink = sink

    @property
    def idle(self) -> bool:
        """Whether all that was handed over has been acked, or told to have failed."""
        return not self._unacked

    def append(self, append: Append) -> None:
        """Write a record; the producer may make it wait for room."""
        self._unacked += 1
        self._waiting.append(append)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._write())

    async def _write(self) -> None:
        try:
            while self._waiting:
                await self._send(self._waiting.popleft())
        finally:
            self._task = None

    async def _send(self, append: Append) -> None:
        try:
            sent: Any = await (self._alone(append) if append.alone else self._among(append))
        except ProducerSendError as failure:
            self._later(append, failure.__cause__ or failure)
        except (errors.KafkaError, RuntimeError) as failure:  # RuntimeError: it is not started
            self._later(append, failure)
        else:
            sent.add_done_callback(lambda done: self._done(append, done))

    async def _among(self, append: Append) -> Any:
        producer = self._app.producer
        where, headers = (append.topic, append.partition), append.headers
        return await producer.send(where[0], append.key, append.value, where[1], None, headers)

    async def _alone(self, append: Append) -> Any:
        """Write it as a batch of its own."""
        producer = cast(Producer, self._app.producer)._ensure_producer()
        batch = producer.create_batch()
        fits = batch.append(
            key=append.key, value=append.value, timestamp=None, headers=append.headers
        )
        if fits is None:
            raise errors.MessageSizeTooLargeError(append.topic)
        batch.close()
        return await producer.send_batch(batch, append.topic, partition=append.partition)

    def _later(self, append: Append, failure: BaseException) -> None:
        """Tell of it, but not before `append` has returned."""
        asyncio.get_running_loop().call_soon(self._failed, append, failure)

    def _done(self, append: Append, done: asyncio.Future[Any]) -> None:
        try:
            self._answered(append, done)
        except Exception as error:  # nobody hears of it where a callback fails
            self._sink.broken(error)

    def _answered(self, append: Append, done: asyncio.Future[Any]) -> None:
        failure = errors.ProducerClosed() if done.cancelled() else done.exception()
        if failure is not None:
            self._failed(append, failure)
            return
        self._unacked -= 1
        if append.acked is not None:
            append.acked(append, done.result().offset)

    def _failed(self, append: Append, failure: BaseException) -> None:
        self._unacked -= 1
        reason = str(failure) or type(failure).__name__
        if isinstance(failure, _FORBIDDEN):
            self._sink.broken(BrokerError(f"topic {append.topic}: {reason}"))
        elif isinstance(failure, errors.MessageSizeTooLargeError) and not append.alone:
            append.alone = True  # perhaps only all of them together were
            self.append(append)
        else:
            self._sink.failed(append, reason, final=isinstance(failure, _REFUSED))
