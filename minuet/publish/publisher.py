"""Events from an upstream service, one call each, acknowledged by every replica in sync."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from threading import Condition, Lock, Thread
from threading import Event as Flag
from time import time
from types import TracebackType
from typing import NamedTuple, Self

from minuet.contracts.codec import Codec
from minuet.errors import BrokerError, ContractError, UsageError
from minuet.event.model import Event
from minuet.kafka.connection import Connection, of_worker, prefix_of_worker
from minuet.kafka.reading import partitions
from minuet.kafka.registries import registry_of
from minuet.kafka.writer import Place, WriteError, Writer
from minuet.publish.envelope import Envelope, Sealed
from minuet.settings.names import Names, refusal
from minuet.settings.prefix import prefix_of
from minuet.settings.reading import read
from minuet.settings.registry import BUILT_IN, Registry, registry_of_table

# librdkafka tries on for 5 minutes by itself; a caller that waits wants to know sooner.
DELIVERY_MS = 30_000

_REMEMBERED = 100_000  # ids whose content is kept, to refuse another content under the same id
_POLL_S = 0.2


class Published(NamedTuple):
    """Where an acknowledged event stands on the log."""

    id: str
    partition: int
    offset: int


class Publisher:
    """Publishes events to a workflow's log; a context manager.

    ```python
    with Publisher("orders", "order_id", OrderPlaced, bootstrap="localhost:9092") as publisher:
        publisher.publish(OrderPlaced(order_id="o-1", ...))
    ```

    The same event published again is a duplicate and changes nothing: after an error, publish it
    again. It may be used from several threads; make it after a fork, not before.

    Args:
        workflow: the workflow's name.
        key: the field of the events that is the saga's id.
        models: the event types to publish.
        bootstrap: the broker; without it that of the worker, if it is a resource of a step, or
            else the environment's `MINUET_BOOTSTRAP_SERVERS`, with the settings of its
            `MINUET_KAFKA__…` variables.
        options: further settings of librdkafka; they win over those of the environment.
        source: CloudEvents' `source`; else `/<workflow>/publisher`.
        prefix: of the workflow's topics; without one that of the worker, or else the environment's
            `MINUET_PREFIX`; empty for none.
        registry: the schema registry, as `{"url": …, "username": …, "password": …}`; else where
            the broker's address is from, and with `bootstrap` the built-in one.
    """

    def __init__(  # noqa: PLR0913  (by their names)
        self,
        workflow: str,
        key: str,
        *models: type[Event],
        bootstrap: str = "",
        options: Mapping[str, str] | None = None,
        source: str = "",
        prefix: str | None = None,
        registry: Mapping[str, str] | None = None,
    ) -> None:
        self._names = _names(workflow, prefix)
        self._connection = _connection(bootstrap, options or {}, registry_of_table(registry))
        self._place = (workflow, key, models, source)
        self._contents: dict[str, bytes] = {}
        self._lock = Lock()
        self._left = 0  # sent, and neither acknowledged nor failed
        self._fewer_left = Condition()
        self._unseen: list[BrokerError] = []  # failures of `send` that no `flush` has raised yet
        self._stop = Flag()
        self._envelope: Envelope | None = None
        self._writer: Writer | None = None
        self._poller: Thread | None = None

    def open(self) -> Self:
        """Connect; `with` does it.

        Raises:
            BrokerError: Kafka cannot be reached.
            ContractError: a model has no such key.
            DefinitionError: a model cannot be kept exactly as Avro.
            UsageError: the workflow's topics do not exist.
        """
        workflow, key, models, source = self._place
        topic = self._names.log_topic
        partitions(self._connection, topic)
        # First, because an idempotent producer takes half a second to begin.
        writer = Writer(self._connection, topic, **{"message.timeout.ms": DELIVERY_MS})
        codec = Codec(models, registry_of(self._connection, self._names.schema_topic))
        self._envelope = Envelope(workflow, key, models, codec, source)
        codec.register()
        self._writer = writer
        self._stop.clear()
        self._poller = Thread(target=self._poll, args=(writer,), daemon=True)
        self._poller.start()
        return self

    def close(self) -> None:
        """Flush and disconnect; `with` does it.

        Raises:
            BrokerError: something sent was not acknowledged.
        """
        if self._writer is None or self._poller is None:
            return
        try:
            self.flush()
        finally:
            self._stop.set()
            self._poller.join()
            self._writer = self._poller = None

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        try:
            self.close()
        except BrokerError:
            if error is None:  # else the first error is the one to see
                raise

    def publish(self, event: Event, *, id: str = "", traceparent: str = "") -> Published:
        """Publish and wait until every replica in sync has it.

        Args:
            event: one of the models.
            id: the upstream id; else a function of workflow, type and key.
            traceparent: W3C trace context, to be carried along.

        Raises:
            BrokerError: not acknowledged; publish it again.
            ContractError: it breaks its contract, or the id was used with other content.
        """
        return self._send(event, id, traceparent).result()

    def send(self, event: Event, *, id: str = "", traceparent: str = "") -> Future[Published]:
        """Publish without waiting; waits only while the queue to the broker is full.

        The future has the result, or the `BrokerError`; `flush` raises that too.
        """
        future = self._send(event, id, traceparent)
        future.add_done_callback(self._note)
        return future

    def try_send(self, event: Event, *, id: str = "", traceparent: str = "") -> Future[Published]:
        """Publish without any waiting.

        Raises:
            BufferError: the queue to the broker is full; try again.
        """
        return self._hand_over(self._seal(event, id, traceparent))

    def flush(self) -> None:
        """Wait until all that was sent is acknowledged.

        Raises:
            BrokerError: something was not; the message says how many and the first reason.
        """
        self._ready()
        with self._fewer_left:  # ends: each event is acknowledged, or fails by its timeout
            self._fewer_left.wait_for(lambda: not self._left)
        failed, self._unseen = self._unseen, []
        if failed:
            message = f"{len(failed)} events were not acknowledged; the first: {failed[0]}"
            raise BrokerError(message)

    def _send(self, event: Event, id: str, traceparent: str) -> Future[Published]:
        sealed = self._seal(event, id, traceparent)
        while True:
            try:
                return self._hand_over(sealed)
            except BufferError:  # the queue is full: wait for acknowledgements to make room
                self._ready()[1].serve(_POLL_S)

    def _seal(self, event: Event, id: str, traceparent: str) -> Sealed:
        now_ms = int(time() * 1000)
        sealed = self._ready()[0].seal(event, now_ms, id=id, traceparent=traceparent)
        with self._lock:
            before = self._contents.setdefault(sealed.id, sealed.digest)
            if len(self._contents) > _REMEMBERED:
                del self._contents[next(iter(self._contents))]
        if before != sealed.digest:
            message = f"{type(event).__name__} {sealed.id} was published with other content"
            raise ContractError(message)
        return sealed

    def _hand_over(self, sealed: Sealed) -> Future[Published]:
        future: Future[Published] = Future()
        future.set_running_or_notify_cancel()  # what is under way cannot be called back

        def done(result: Place | WriteError) -> None:
            if isinstance(result, WriteError):
                future.set_exception(result)
            else:
                future.set_result(Published(sealed.id, *result))
            self._count(-1)

        writer = self._ready()[1]
        self._count(1)
        try:
            writer.append(sealed.key, sealed.value, sealed.headers, done)
        except BaseException:
            self._count(-1)
            raise
        return future

    def _count(self, more: int) -> None:
        with self._fewer_left:
            self._left += more
            if not self._left:
                self._fewer_left.notify_all()

    def _ready(self) -> tuple[Envelope, Writer]:
        if self._envelope is None or self._writer is None:
            message = "the publisher is not open: use it in a `with` block, or call open()"
            raise UsageError(message)
        return self._envelope, self._writer

    def _note(self, future: Future[Published]) -> None:
        error = future.exception()
        if isinstance(error, BrokerError):
            self._unseen.append(error)

    def _poll(self, writer: Writer) -> None:
        """Serve acknowledgements, so that a future is done without anybody calling us."""
        while not self._stop.is_set():
            writer.serve(_POLL_S)


def _names(workflow: str, prefix: str | None) -> Names:
    """The names of the workflow's topics."""
    if prefix is None:
        worker = of_worker.get() is not None
        prefix = prefix_of_worker.get() if worker else prefix_of(None)
    elif why := refusal(prefix):
        message = f"prefix={prefix!r}: {why}"
        raise UsageError(message)
    return Names(workflow, prefix)


def _connection(
    bootstrap: str, options: Mapping[str, str], registry: Registry | None
) -> Connection:
    """The broker that is meant; a login is only for the one that is named beside it."""
    if bootstrap:
        return Connection(bootstrap, options, registry or BUILT_IN)
    worker = of_worker.get()
    if worker is not None:
        known = registry or worker.registry
        return Connection(worker.bootstrap, {**worker.options, **options}, known)
    found = read().settings
    if not found.bootstrap:
        message = "no broker: give Publisher(bootstrap=...) or set MINUET_BOOTSTRAP_SERVERS"
        raise UsageError(message)
    return Connection(found.bootstrap, {**found.kafka, **options}, registry or found.registry)
