"""A topic of another system as the input: up to its end of now, from where the last run stopped."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from time import monotonic

from minuet.errors import ContractError
from minuet.event import ids
from minuet.kafka.connection import Connection
from minuet.kafka.offsets import commit, committed, watermarks
from minuet.kafka.reading import snapshot
from minuet.publish.foreign import Foreign
from minuet.publish.resume import Mark
from minuet.publish.source import Row

_EVERY_S = 1.0  # between two commits; what is sent again after a kill has the same ids


class TopicInput:
    """The rows of a topic, and the marks of them: the committed position of a consumer group.

    Args:
        connection: where it is.
        topic: its name.
        group: remembers the position; nobody is a member of it.
        foreign: reads the records.
    """

    begun = Mark()  # what was done before is not read at all

    def __init__(self, connection: Connection, topic: str, group: str, foreign: Foreign) -> None:
        self.skipped = 0  # records that the topic lost before they were read
        self._connection, self._topic, self._group = connection, topic, group
        self._foreign = foreign
        self._next: dict[int, int] = {}  # partition -> the offset behind the rows taken
        self._last = (0, 0, 0)  # of the row handed out last: number, partition, offset behind it
        self._waiting: deque[tuple[int, dict[int, int]]] = deque()
        self._done: dict[int, int] = {}
        self._next_write = 0.0

    def start(self, *, from_start: bool = False) -> dict[int, int]:
        """Where each partition is read from.

        Raises:
            BrokerError: the broker cannot be reached.
            UsageError: there is no such topic.
        """
        known = {} if from_start else committed(self._connection, self._group, self._topic)
        first = {}
        for partition, (low, high) in watermarks(self._connection, self._topic).items():
            at = known.get(partition, low)
            if at > high:  # the topic was made anew
                at = low
            self.skipped += max(0, low - at)
            first[partition] = max(at, low)
        return first

    def rows(self, start: dict[int, int]) -> Iterator[Row]:
        """Each record up to the end of now, as an event or with the reason why it is none."""
        for number, message in enumerate(snapshot(self._connection, self._topic, start), 1):
            partition, offset = message.partition() or 0, message.offset() or 0
            self._last = (number, partition, offset + 1)
            value = message.value()
            place = f"{self._topic} {partition}@{offset}"
            try:
                event = self._foreign.read(value)
            except ContractError as error:
                yield Row(number, value or b"", None, f"{place}: {error}")
            else:
                id = ids.derive("record", self._topic, str(partition), str(offset))
                yield Row(number, value or b"", event, "", id)
            self._next[partition] = offset + 1

    def look(self, line: int, accepted: int, under_way: int | None, *, now: bool = False) -> None:
        """Commit the position behind which nothing needs anything more; see `Marks.look`."""
        number, partition, behind = self._last
        if number and number <= line:  # else it was handed out, and an interrupt was faster
            self._next[partition] = behind
        self._waiting.append((line, dict(self._next)))
        while self._waiting and (under_way is None or self._waiting[0][0] < under_way):
            self._done = self._waiting.popleft()[1]
        if self._done and (now or monotonic() >= self._next_write):
            self._next_write = monotonic() + _EVERY_S
            commit(self._connection, self._group, self._topic, self._done)
            self._done = {}

    def forget(self) -> None:
        """All is done: the next run reads what has come since."""
        if self._next:
            commit(self._connection, self._group, self._topic, self._next)
