"""Consumer groups of the model of Kafka: who has which partition, and how far it is committed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from minuet.engines.course import Stored


@dataclass(frozen=True, slots=True)
class Commit:
    """A position that was committed, and how many rows stood in that partition by then."""

    partition: int
    position: int
    rows: int


class Broker(Protocol):
    """What a group wants of its broker."""

    partitions: int

    def records(self, topic: str, partition: int) -> list[Stored]:
        """Return what stands in a partition."""
        ...

    def note(self, what: str) -> None:
        """Note that something happened."""


class Member(Protocol):
    """What a group wants of a member."""

    name: str
    gone: asyncio.Event

    def wake(self, partition: int) -> None:
        """There is more to read, if it reads this one."""

    def wake_calls(self, topic: str, partition: int) -> None:
        """There is more on another topic, if it follows that one."""

    def assign(self, positions: Iterable[int]) -> None:
        """Partitions are given to it."""

    async def give_back(self, partitions: list[int]) -> None:
        """Partitions are taken from it."""


class Group:
    """A consumer group: who has which partition, and how far the log was committed.

    A change takes partitions back only from who must give them (as cooperative-sticky does).
    """

    def __init__(self, broker: Broker, name: str) -> None:
        self.name = name
        self.members: dict[str, Member] = {}
        self.owners: dict[int, str] = {}
        self.committed: dict[int, int] = {}
        self.history: list[Commit] = []
        self.rows_topic = ""
        self._broker = broker
        self._changing = asyncio.Lock()
        self._changes: set[asyncio.Task[None]] = set()

    def join(self, member: Member) -> None:
        """Take in a member."""
        self.members[member.name] = member
        self._changed(f"{member.name} joins")

    def leave(self, name: str, why: str) -> None:
        """Let a member go, or expel it."""
        member = self.members.pop(name, None)
        if member is not None:
            member.gone.set()
            self.owners = {p: owner for p, owner in self.owners.items() if owner != name}
            self._changed(f"{name} {why}")

    def commit(self, name: str, offsets: Mapping[int, int]) -> bool:
        """Commit what the member owns; return whether it was all."""
        mine = {p: offset for p, offset in offsets.items() if self.owners.get(p) == name}
        self.committed.update(mine)
        for number, position in mine.items():
            rows = len(self._broker.records(self.rows_topic, number)) if self.rows_topic else 0
            self.history.append(Commit(number, position, rows))
        return len(mine) == len(offsets)

    def _changed(self, what: str) -> None:
        self._broker.note(f"group {self.name}: {what}")
        task = asyncio.ensure_future(self._rebalance())
        self._changes.add(task)
        task.add_done_callback(self._changes.discard)

    async def _rebalance(self) -> None:
        async with self._changing:
            wanted = self._wanted()
            taken: dict[str, list[int]] = {}
            for partition, owner in self.owners.items():
                if wanted.get(partition) != owner:
                    taken.setdefault(owner, []).append(partition)
            backs = [self._take(name, partitions) for name, partitions in taken.items()]
            await asyncio.gather(*backs)
            wanted = {p: name for p, name in wanted.items() if name in self.members}
            for name, member in list(self.members.items()):
                given = [p for p, n in wanted.items() if n == name and p not in self.owners]
                if given:
                    self.owners.update(dict.fromkeys(given, name))
                    self._broker.note(f"group {self.name}: {name} gets {given}")
                    member.assign(given)

    def _wanted(self) -> dict[int, str]:
        """Give each as many as any other, and let everyone keep what it has up to that."""
        if not self.members:
            return {}
        numbers = range(self._broker.partitions)
        names = sorted(self.members)
        share, more = divmod(len(numbers), len(names))
        room = {name: share + (n < more) for n, name in enumerate(names)}
        wanted: dict[int, str] = {}
        for number in numbers:
            owner = self.owners.get(number, "")
            if room.get(owner, 0):
                wanted[number] = owner
                room[owner] -= 1
        for number in numbers:
            if number not in wanted:
                wanted[number] = max(names, key=lambda name: room[name])
                room[wanted[number]] -= 1
        return wanted

    async def _take(self, name: str, partitions: list[int]) -> None:
        """Have partitions given back; who is silent loses them when its session ends."""
        member = self.members[name]
        given = asyncio.ensure_future(member.give_back(partitions))
        gone = asyncio.ensure_future(member.gone.wait())
        await asyncio.wait({given, gone}, return_when=asyncio.FIRST_COMPLETED)
        given.cancel()
        gone.cancel()
        for partition in partitions:
            if self.owners.get(partition) == name:
                del self.owners[partition]
        self._broker.note(f"group {self.name}: {name} has given back {partitions}")
