"""The transactions of one partition, one after the other, on a thread of its own.

Whatever is not plainly a commit is an end of the producer: another one takes its name, and by that
Kafka undoes what the first left open and refuses whatever of it is still on its way. No transaction
is ever aborted by a word of the client, since a late one of those would undo a later transaction.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition

from minuet.engines.log import Append
from minuet.engines.native_writing import REFUSED
from minuet.errors import BrokerError
from minuet.kafka.connection import Connection

TRANSACTION_MS = 10_000  # then Kafka undoes it by itself; until then nobody reads past it
BATCH = 5_000  # appends in one transaction
SLOW_S = 5.0  # a request that took longer may have been sent twice
INIT_S = 10.0  # for one try to take the name
AGAIN_S = 0.2
ROOM_S = 0.05  # between two looks whether the client's queue has room

_PRODUCER = {
    "transaction.timeout.ms": TRANSACTION_MS,
    "message.timeout.ms": TRANSACTION_MS - 2_000,
    "socket.nagle.disable": True,
}
FENCED = frozenset(
    {KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH}
)
_MAY_NOT = KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED


@dataclass(slots=True)
class Batch:
    """What goes into one transaction, and what became of it.

    Args:
        appends: in their order, each to be followed by its `then`.
        position: of the group in the log, to be committed with them; None for none.
        offsets: of the appends that the broker took, by `id`.
        refusals: the others that a delivery report spoke of.
    """

    appends: list[Append] = field(default_factory=list)
    position: int | None = None
    offsets: dict[int, int] = field(default_factory=dict)
    refusals: list[tuple[Append, KafkaError]] = field(default_factory=list)

    def records(self) -> Iterator[Append]:
        """All that is written, in its order."""
        for append in self.appends:
            yield append
            if append.then is not None:
                yield append.then

    def refused(self) -> dict[int, KafkaError]:
        """Why some can never be written, by `id` of the append that was handed over."""
        why = {id(append): error for append, error in self.refusals if error.code() in REFUSED}
        return {
            id(append): found
            for append in self.appends
            if (found := why.get(id(append)) or why.get(id(append.then))) is not None
        }


class Owner(Protocol):
    """What a line tells, each time from its own thread."""

    def place(self, line: Line, position: int) -> tuple[TopicPartition, Any]:
        """Return a position as Kafka has it, and the group's metadata of now."""

    def is_member(self) -> bool:
        """Ask whether the group still has this member.

        Raises:
            BrokerError: it does not say.
        """

    def committed(self, line: Line, batch: Batch) -> None:
        """A transaction is committed."""

    def undone(self, line: Line, batch: Batch, error: KafkaError, positions: int) -> None:
        """A transaction is not, or nobody knows; so many positions will not be committed."""

    def taken(self, line: Line) -> None:
        """Somebody else has the partition: nothing more is written."""

    def broken(self, error: Exception) -> None:
        """Nothing can be written at all."""


class Line:
    """Writes for one partition.

    Args:
        connection: where Kafka is.
        name: the transactional id: always the same for this partition.
        number: of the partition.
        owner: told of everything.
    """

    def __init__(self, connection: Connection, name: str, number: int, owner: Owner) -> None:
        self.number = number
        self.open = 0  # appends that the loop was told nothing of yet; its own count
        self._connection = connection
        self._name = name
        self._owner = owner
        self._queue: deque[Append | int] = deque()
        self._some = threading.Event()
        self._settled = threading.Event()
        self._failure: KafkaException | None = None
        self._finishes = self._dropped = False
        self._disturbed = False
        self._thread = threading.Thread(target=self._run, name=f"minuet-{name}", daemon=True)

    # -- told by others ----------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to take the name."""
        self._thread.start()

    def await_name(self) -> None:
        """Wait until it has the name: by then no predecessor writes any more.

        Raises:
            BrokerError: it cannot have it.
        """
        self._settled.wait()
        if self._failure is not None:
            raise self.error(self._failure)

    def put(self, item: Append | int) -> None:
        """Add an append, or a position that is true once all before it is written."""
        self._queue.append(item)

    def go(self) -> None:
        """Write what was put."""
        self._some.set()

    def finish(self) -> None:
        """Write what was put, and end."""
        self._finishes = True
        self._some.set()

    def join(self, patience_s: float) -> None:
        """Wait for its end; what is not done in time is dropped."""
        self._thread.join(max(0.0, patience_s))
        self.drop()

    def drop(self) -> None:
        """End, and write nothing more."""
        self._dropped = True  # the queue is left alone: the thread may be taking from it
        self._some.set()

    def error(self, failure: KafkaException | KafkaError) -> BrokerError:
        """The error in plain words, with what a right is missing for."""
        code = (failure if isinstance(failure, KafkaError) else failure.args[0]).code()
        about = f"transactional id {self._name}" if code == _MAY_NOT else ""
        return self._connection.error(failure, about, "Write and Describe" if about else "")

    # -- on the thread -----------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._producer = self._named()
        except KafkaException as failure:
            self._failure = failure
        finally:
            self._settled.set()
        try:
            while self._failure is None and not self._dropped:
                self._some.wait()
                self._some.clear()
                while self._queue and not self._dropped:
                    self._turn(self._next())
                if self._finishes:
                    return
        except Exception as error:  # a thread must not end in silence
            if not self._dropped:
                self._owner.broken(error)

    def _named(self) -> Producer:
        """Make a producer of this name: whoever had it before writes no more from here on."""
        producer = self._connection.transactional(self._name, self._heard, _PRODUCER)
        until = time.monotonic() + INIT_S
        while True:
            try:
                producer.init_transactions(INIT_S)
            except KafkaException as failure:
                error = failure.args[0]
                if not error.retriable() or self._dropped or time.monotonic() > until:
                    raise
                time.sleep(AGAIN_S)
            else:
                self._disturbed = False
                return producer

    def _heard(self, _error: KafkaError) -> None:
        """A connection was lost, perhaps with a request on it that comes late."""
        self._disturbed = True

    def _next(self) -> Batch:
        """Take what is there; an append that has to be alone is."""
        batch = Batch()
        while self._queue and len(batch.appends) < BATCH:
            item = self._queue[0]
            if isinstance(item, int):
                batch.position = item
            elif item.alone and (batch.appends or batch.position is not None):
                break
            else:
                batch.appends.append(item)
            self._queue.popleft()
            if isinstance(item, Append) and item.alone:
                break
        return batch

    def _turn(self, batch: Batch) -> None:
        began = time.monotonic()
        try:
            self._transact(batch)
        except KafkaException as failure:
            self._undone(batch, failure.args[0])
            return
        self._owner.committed(self, batch)
        if self._disturbed or time.monotonic() - began > SLOW_S:
            self._renew()

    def _transact(self, batch: Batch) -> None:
        """Write it all, or nothing.

        The position goes first: an end of a transaction that came late, in between, could undo it
        unseen, which repeats work; rows that were undone unseen would be lost.
        """
        producer = self._producer
        producer.begin_transaction()
        if batch.position is not None:
            place, group = self._owner.place(self, batch.position)
            producer.send_offsets_to_transaction([place], group)
        for append in batch.records():
            self._produce(producer, append, batch)
        producer.commit_transaction()

    def _produce(self, producer: Producer, append: Append, batch: Batch) -> None:
        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                batch.refusals.append((append, error))
            else:
                batch.offsets[id(append)] = message.offset() or 0

        until = time.monotonic() + TRANSACTION_MS / 1000
        while True:
            try:
                producer.produce(
                    append.topic, append.value, append.key, append.partition,
                    on_delivery=delivered, headers=append.headers,  # type: ignore[arg-type]
                )  # fmt: skip
            except BufferError:
                producer.poll(ROOM_S)
                if time.monotonic() > until:
                    raise KafkaException(KafkaError(KafkaError._QUEUE_FULL)) from None
            except KafkaException as refusal:  # as of a record that is too large
                batch.refusals.append((append, refusal.args[0]))
                raise
            else:
                return

    def _undone(self, batch: Batch, error: KafkaError) -> None:
        """Tell what was not committed, or may not have been; then be another producer.

        Positions further on rest on these rows: they are not committed either.
        """
        with suppress(KafkaException):  # a fatal error comes out of every call
            self._producer.poll(0)
        waiting = [self._queue.popleft() for _ in range(len(self._queue))]
        positions = sum(isinstance(item, int) for item in waiting)
        self._queue.extend(item for item in waiting if not isinstance(item, int))
        self._owner.undone(self, batch, error, positions + (batch.position is not None))
        found = [error, *(refusal for _, refusal in batch.refusals)]
        if any(each.code() in FENCED for each in found):
            self._taken()
        elif error.code() == _MAY_NOT:
            self._owner.broken(self.error(error))
            self.drop()
        else:
            self._renew()

    def _renew(self) -> None:
        """Be another producer under the same name, unless the group has given it to another.

        The group is asked before, so that nobody is hindered, and after: whoever it gave the
        partition to in between takes the name later, and refuses this one.
        """
        while not self._dropped:
            try:
                if not self._owner.is_member():
                    self._taken()
                    return
                self._producer = self._named()
                if self._owner.is_member():
                    return
            except BrokerError:
                time.sleep(AGAIN_S)
            except KafkaException as failure:
                if failure.args[0].code() == _MAY_NOT:
                    self._owner.broken(self.error(failure))
                    self.drop()
                time.sleep(AGAIN_S)

    def _taken(self) -> None:
        self.drop()
        self._owner.taken(self)
