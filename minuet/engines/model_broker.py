"""A model of Kafka as the loop sees it: topics, groups, and what may go wrong in between.

Everything that takes time or goes wrong is drawn from one seed. What is written has its time from
the virtual clock, as LogAppendTime.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from minuet.engines.course import Course, Stored
from minuet.engines.log import Unreadable
from minuet.engines.model_group import Group, Member
from minuet.event.record import Headers, Record, UnreadableHeaders, parse
from minuet.kafka.partitioner import partition_of

TIE_S = 0.000_001  # between two things that must not change places


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong, and how slow it all is; shares are from 0 to 1.

    Args:
        latency_ms: the shortest and the longest way of anything to or from the broker.
        duplicated: share of appends that are written twice.
        ack_lost: share that are written, and whose result stays unknown.
        append_lost: share that are not written, and whose result stays unknown.
        torn: how likely it is that, of what goes one way when its sender dies, only a part arrives.
        session_ms: how long a member that is silent keeps its partitions.
    """

    latency_ms: tuple[float, float] = (0.2, 4.0)
    duplicated: float = 0.0
    ack_lost: float = 0.0
    append_lost: float = 0.0
    torn: float = 0.0
    session_ms: int = 6_000


NO_FAULTS = Faults()


class ModelBroker:
    """Topics with equally many partitions, and groups that read the log.

    Args:
        partitions: of every topic.
        log: the topic that groups read.
        now_ms: the clock that stamps records.
        seed: of everything that is drawn.
        faults: what goes wrong.

    Attributes:
        limits: by topic, the bytes of the largest record that it takes.
        lows: by topic and partition, the first offset that retention has left.
    """

    def __init__(
        self, partitions: int, log: str, now_ms: Callable[[], int], *,
        seed: int = 0, faults: Faults = NO_FAULTS,
    ) -> None:  # fmt: skip
        self.partitions = partitions
        self.log = log
        self.faults = faults
        self.groups: dict[str, Group] = {}
        self.readers: list[Member] = []
        self.course = Course()
        self.hits: Counter[str] = Counter()
        self.limits: dict[str, int] = {}
        self.lows: dict[tuple[str, int], int] = {}
        self.now_ms = now_ms
        self._topics: dict[str, list[list[Stored]]] = {}
        self._parsed: list[list[Record | Unreadable]] = [[] for _ in range(partitions)]
        self._gone: dict[tuple[str, int], set[int]] = {}
        self._random = random.Random(seed)

    def group(self, name: str) -> Group:
        """Return a group; it begins to be when it is named."""
        return self.groups.setdefault(name, Group(self, name))

    def partition(self, key: bytes) -> int:
        """Return where a key belongs."""
        return partition_of(key, self.partitions)

    def records(self, topic: str, partition: int) -> list[Stored]:
        """Return what stands in a partition."""
        there = self._topics.get(topic)
        if there is None:
            there = self._topics[topic] = [[] for _ in range(self.partitions)]
        return there[partition]

    def compact(self, topic: str) -> None:
        """Remove what a later record of the same key has replaced; offsets stay."""
        for number in range(self.partitions):
            last = {one.key: one.offset for one in self.records(topic, number)}
            gone = self._gone.setdefault((topic, number), set())
            gone.update({one.offset for one in self.records(topic, number)} - {*last.values()})

    def standing(self, topic: str, partition: int, start: int, end: int | None) -> list[Stored]:
        """Return what compaction has left between two offsets, or to the end."""
        gone = self._gone.get((topic, partition), ())
        there = self.records(topic, partition)[start:end]
        return [one for one in there if one.offset not in gone]

    def read(self, partition: int, start: int, end: int) -> list[Record | Unreadable]:
        """Read the log between two offsets; nobody changes a record, so each is parsed once."""
        parsed, there = self._parsed[partition], self.records(self.log, partition)
        parsed += [as_read(stored) for stored in there[len(parsed) : end]]
        return parsed[start:end]

    def everything(self, topic: str) -> list[Stored]:
        """Return what stands in a topic, partition after partition."""
        return [one for n in range(self.partitions) for one in self.records(topic, n)]

    def left(self, topic: str) -> list[Stored]:
        """Return what compaction has left in a topic, partition after partition."""
        return [one for n in range(self.partitions) for one in self.standing(topic, n, 0, None)]

    def takes(self, topic: str, key: bytes, value: bytes | None, headers: Headers) -> bool:
        """Return whether a record is not too large for its topic."""
        most = self.limits.get(topic)
        if most is None:
            return True
        size = sum(len(name) + len(raw) for name, raw in headers) + len(key) + len(value or b"")
        return size <= most

    def store(
        self, topic: str, partition: int, key: bytes, value: bytes | None, headers: Headers
    ) -> int:
        """Write a record and return its offset."""
        there = self.records(topic, partition)
        record = Stored(partition, len(there), self.now_ms(), key, value, list(headers))
        there.append(record)
        self.course.stored(topic, record)
        if topic == self.log:
            for reader in self.readers:
                reader.wake(partition)
        else:
            for reader in self.readers:
                reader.wake_calls(topic, partition)
        return record.offset

    def note(self, what: str) -> None:
        """Note that something happened to a worker or a group."""
        self.course.note(self.now_ms(), what)

    def latency_s(self) -> float:
        """Draw how long one way takes."""
        least, most = self.faults.latency_ms
        return (least + (most - least) * self._random.random()) / 1000

    def between(self, least: float, most: float) -> float:
        """Draw a moment between two others."""
        return least + (most - least) * self._random.random()

    def some(self, most: int) -> int:
        """Draw how many of at most so many."""
        return self._random.randint(1, most)

    def happens(self, share: float, name: str) -> bool:
        """Draw whether a fault happens, and count it."""
        if not share or self._random.random() >= share:
            return False
        self.hits[name] += 1
        return True


def as_read(stored: Stored) -> Record | Unreadable:
    """Return a record as a reader of the log has it."""
    try:
        return parse(stored.key, stored.value, stored.headers, stored.offset, stored.time)
    except UnreadableHeaders as bad:
        return as_bytes(stored, str(bad))


def as_bytes(stored: Stored, reason: str = "") -> Unreadable:
    """Return a record as it is."""
    key, value, headers = stored.key or b"", stored.value, stored.headers
    return Unreadable(stored.offset, stored.time, key, value, headers, reason)
