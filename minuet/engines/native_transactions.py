"""Writing to Kafka in transactions: one line of them for each partition that is assigned.

What is due to be written when a transaction ends goes into the next one, all of it: what was
appended, rows, dead letters and the group's position. The name of a line's producer is a function
of group and partition; so whoever is given the partition next takes the name over and thereby ends
what its predecessor, dead, asleep or cut off, left open or has yet to say.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaError, TopicPartition

from minuet.engines.log import Append, Sink
from minuet.engines.native_line import AGAIN_S, Batch, Line
from minuet.errors import BrokerError
from minuet.kafka.connection import Connection
from minuet.kafka.groups import is_listed
from minuet.kafka.patience import FORBIDDEN, PATIENCE_S
from minuet.kafka.reasons import describe

GIVE_BACK_S = 10.0  # for what was said last in a partition that goes

_LOG = logging.getLogger("minuet.worker")


def identity(group: str, partition: int) -> str:
    """Return the transactional id under which a group writes for a partition."""
    return f"{group}.{partition}"


class Transactions:
    """Writes for the partitions of one member of a group.

    Args:
        connection: where Kafka is.
        group: whose positions are committed.
        topic: the log; `table`: the topic of rows.

    Attributes:
        rejoin: has the group say anew who has a partition that somebody else has taken.
    """

    rejoin: Callable[[int], None]

    def __init__(self, connection: Connection, group: str, topic: str, table: str) -> None:
        self._connection = connection
        self._group = group
        self._topic, self._table = topic, table
        self._lines: dict[int, Line] = {}
        self._put: set[Line] = set()
        self._known: dict[int, set[int]] = {}
        self._metadata: Any = None
        self._member = ""

    def start(self, sink: Sink) -> None:
        """Tell this sink, on the thread of the loop of now."""
        self._sink = sink
        self._loop = asyncio.get_running_loop()

    # -- the loop's thread -------------------------------------------------------------------------

    def append(self, append: Append) -> None:
        """Write it in the next transaction of its partition."""
        line = self._lines.get(append.partition)
        if line is not None:  # else it was given away a moment ago
            line.open += 1
            self._hand_over(line, append)

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Commit positions, each in the next transaction of its partition."""
        for number, position in offsets.items():
            line = self._lines.get(number)
            if line is not None:
                self._hand_over(line, position)

    def _hand_over(self, line: Line, item: Append | int) -> None:
        """Begin a transaction only when the loop takes breath: what it says at once goes in one."""
        line.put(item)
        if not self._put:
            self._loop.call_soon(self._go)
        self._put.add(line)

    def _go(self) -> None:
        lines, self._put = self._put, set()
        for line in lines:
            line.go()

    @property
    def idle(self) -> bool:
        """Whether the loop was told what became of all it appended."""
        return not any(line.open for line in list(self._lines.values()))

    def knows(self, partition: int, start: int, end: int | None) -> bool:
        """Whether all between these offsets of the table are own rows and ends of transactions.

        What was asked about is forgotten: nobody asks about it again.
        """
        known = self._known.get(partition, set())
        if end is None:
            return False
        own = known.issuperset(range(start, end))
        known.difference_update([offset for offset in known if offset < end])
        return own

    async def stop(self) -> None:
        """Write nothing more; what was given back in time has been written."""
        self.lose(list(self._lines))

    # -- what lines tell, in the order in which it happened ----------------------------------------

    def place(self, line: Line, position: int) -> tuple[TopicPartition, Any]:
        """Return a position as Kafka has it, and the group's metadata as of the last poll."""
        return TopicPartition(self._topic, line.number, position), self._metadata

    def is_member(self) -> bool:
        """Ask whether the group still has the member that was given these partitions.

        Raises:
            BrokerError: it does not say.
        """
        return is_listed(self._connection, self._group, self._member)

    def committed(self, line: Line, batch: Batch) -> None:
        """Tell of acks."""
        self._loop.call_soon_threadsafe(self._committed, line, batch)

    def undone(self, line: Line, batch: Batch, error: KafkaError, positions: int) -> None:
        """Tell of failures."""
        self._loop.call_soon_threadsafe(self._undone, line, batch, error, positions)

    def taken(self, line: Line) -> None:
        """Tell that somebody else has a partition."""
        self._loop.call_soon_threadsafe(self._taken, line)

    def broken(self, error: Exception) -> None:
        """Tell that nothing can be written at all."""
        self._loop.call_soon_threadsafe(self._sink.broken, error)

    def _committed(self, line: Line, batch: Batch) -> None:
        line.open -= len(batch.appends)
        rows = [batch.offsets[id(a)] for a in batch.appends if a.topic == self._table]
        if rows:
            known = self._known.setdefault(line.number, set())
            known.update(rows)
            known.add(max(rows) + 1)  # there the transaction's end stands, unless there is a row
        for append in batch.records():
            if append.acked is not None:
                append.acked(append, batch.offsets[id(append)])

    def _undone(self, line: Line, batch: Batch, error: KafkaError, positions: int) -> None:
        line.open -= len(batch.appends)
        if positions:
            self._sink.uncommitted([line.number])
        for append, refusal in batch.refusals:
            if refusal.code() in FORBIDDEN:
                about = f"topic {append.topic}"
                self._sink.broken(self._connection.error(refusal, about, "Write"))
                return
        refused = batch.refused()
        for append in batch.appends:
            why = refused.get(id(append))
            if why is None:
                self._sink.failed(append, describe(error), final=False)
            elif why.code() == KafkaError.MSG_SIZE_TOO_LARGE and not append.alone:
                append.alone = True  # perhaps only all of them together were
                self.append(append)
            else:
                self._sink.failed(append, describe(why), final=True)

    def _taken(self, line: Line) -> None:
        _LOG.warning("partition %s: another worker writes for it", line.number)
        if self._lines.get(line.number) is not line:
            return  # it is known already
        del self._lines[line.number]
        self._sink.lost([line.number])
        self.rejoin(line.number)

    # -- the reading thread ------------------------------------------------------------------------

    def heed(self, consumer: Consumer) -> None:
        """Take the group's metadata of now: a position under another generation is refused."""
        self._metadata = consumer.consumer_group_metadata()

    def take_over(self, consumer: Consumer, numbers: Sequence[int]) -> None:
        """Take the names of these partitions; their predecessors have written their last.

        The group is asked afterwards: who slept since it was given them must not write.

        Raises:
            BrokerError: it cannot be done.
        """
        self._member = consumer.memberid() or ""
        lines = [Line(self._connection, identity(self._group, n), n, self) for n in numbers]
        for line in lines:
            line.start()
        try:
            for line in lines:
                line.await_name()
            is_ours = not lines or self._ask_patiently()
        except BrokerError:
            self._drop(lines)
            raise
        if not is_ours:
            self._drop(lines)  # the next poll tells that they are lost
            return
        for line in lines:
            self._known[line.number] = set()
            self._lines[line.number] = line

    def _ask_patiently(self) -> bool:
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                return self.is_member()
            except BrokerError:
                if time.monotonic() > until:
                    raise
                time.sleep(AGAIN_S)

    def give_back(self, numbers: Sequence[int]) -> None:
        """Write what was said in these partitions, then hold them no more."""
        lines = [line for n in numbers if (line := self._lines.pop(n, None)) is not None]
        for line in lines:
            line.finish()
        until = time.monotonic() + GIVE_BACK_S
        for line in lines:
            line.join(until - time.monotonic())

    def lose(self, numbers: Sequence[int]) -> None:
        """Hold them no more, and write nothing more."""
        self._drop([line for n in numbers if (line := self._lines.pop(n, None)) is not None])

    def _drop(self, lines: Sequence[Line]) -> None:
        for line in lines:
            line.drop()
