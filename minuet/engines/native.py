"""The log on a real Kafka: librdkafka behind the seam.

Reading is a thread of its own (`native_member`). What is written is acknowledged record by record
(`native_writing`), or in transactions (`native_transactions`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import suppress

from minuet.engines.log import Append, Sink
from minuet.engines.native_calls import CallReader
from minuet.engines.native_member import LEAVE_S, Member
from minuet.engines.native_reading import nothing
from minuet.engines.native_transactions import Transactions
from minuet.engines.native_writing import Writer
from minuet.engines.reads_beside import ReadsBeside
from minuet.kafka.connection import Connection
from minuet.settings.worker import Guarantee

FLUSH_S = 10.0  # for what has been handed over when the log is closed
GONE_S = 2.0  # for leaving a group whose broker does not answer; the session ends by itself
LOOK_S = 0.005  # between two looks whether it is all acked


class KafkaLog(ReadsBeside):
    """One member of a workflow's consumer group, and its producer.

    Args:
        connection: where Kafka is.
        topic: the log; `table`: the topic of rows.
        group: to join.
        reads_from: the coordinator's group, whose commits say where reading begins.
        client_id: what others see of this member.
        place: what a member started again is known by (`group.instance.id`); empty for none.
        guarantee: each record by itself, or all in transactions.
    """

    def __init__(  # noqa: PLR0913  (each names another thing in Kafka)
        self, connection: Connection, topic: str, table: str, *,
        group: str, reads_from: str, client_id: str, place: str = "",
        guarantee: Guarantee = "at-least-once",
    ) -> None:  # fmt: skip
        super().__init__(connection, topic, table)
        own = {"group.id": group, "client.id": client_id}
        own |= {"group.instance.id": place} if place else {}
        self._transactions = (
            Transactions(connection, group, topic, table) if guarantee == "transactional" else None
        )
        self._member = Member(connection, topic, reads_from, own, self._transactions)
        self._writer = self._transactions or Writer(connection, topic, table)
        self._committer = self._transactions or self._member
        if self._transactions is not None:
            self._transactions.rejoin = self._member.rejoin
        self._calls = CallReader(connection)

    async def open(self, sink: Sink) -> None:
        """Join the group and begin to read."""
        self._writer.start(sink)
        self._calls.start(sink)
        self._member.start(sink)

    # -- writing ---------------------------------------------------------------------------------

    @property
    def atomic(self) -> bool:
        """Whether it writes in transactions."""
        return self._transactions is not None

    def append(self, append: Append) -> None:
        """Hand a record to the writer."""
        self._writer.append(append)

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Commit positions; the answer is not waited for."""
        self._committer.commit(offsets)

    # -- what the loop asks for ------------------------------------------------------------------

    def pause(self, partitions: Iterable[int]) -> None:
        """Fetch no more of these for now."""
        self._member.pause(partitions)

    def resume(self, partitions: Iterable[int]) -> None:
        """Fetch these (again)."""
        self._member.resume(partitions)

    def follow(self, partition: int, delays: Mapping[str, int]) -> None:
        """Follow delay topics."""
        self._calls.follow(partition, delays)

    def unfollow(self, partition: int) -> None:
        """Follow them no more."""
        self._calls.unfollow(partition)

    async def high_watermark(self, partition: int) -> int:
        """Ask the broker for the log's high watermark.

        Raises:
            BrokerError: it does not say.
        """
        return await self._member.high_watermark(partition)

    async def is_member(self) -> bool:
        """Ask the group's coordinator whether it still has this member.

        Raises:
            BrokerError: it does not say.
        """
        return await self._member.is_member()

    def was_silent(self) -> bool:
        """Whether this process stood still for too long, and the group was not asked since."""
        return self._member.silence.lasts

    async def known_highs(self, partitions: Iterable[int]) -> dict[int, int]:
        """Return the log's high watermarks as the last fetches told them."""
        return await self._member.known_highs(partitions)

    def rows(
        self, partition: int, start: int = 0, end: int | None = None
    ) -> AsyncIterator[Sequence[tuple[bytes, bytes | None, int]]]:
        """Read stored rows in chunks, with a consumer of its own."""
        if self._transactions is not None and self._transactions.knows(partition, start, end):
            return nothing()  # a gap between own rows is the end of an own transaction
        return super().rows(partition, start, end)

    async def close(self) -> None:
        """Flush, leave the group, end the threads.

        All that time the beat goes on: leaving the group asks for a last checkpoint, which waits
        for its acks. With a broker that is gone nobody can take leave, and it is not tried long.
        """
        answers = await self._flushed()
        await asyncio.gather(
            self._member.stop(LEAVE_S if answers else GONE_S), self._calls.stop()
        )  # side by side: until this member has left, nobody works on its partitions
        if answers:
            await self._flushed()
        await self._writer.stop()

    async def _flushed(self) -> bool:
        """Wait for acks, which the loop serves meanwhile; a flush would serve them elsewhere.

        Returns whether all have come.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_S):
                while not self._writer.idle:
                    await asyncio.sleep(LOOK_S)
        return self._writer.idle
